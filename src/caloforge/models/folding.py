"""3D convolutions with few channels, computed with full vector registers.

A convolution with 8 channels leaves half of a 16-wide register empty, and one with a single input
channel leaves fifteen sixteenths empty where its image's gradient is computed.  Folding ``fold``
neighbouring cells along z into channels fills them: (C, X, Y, Z) -> (fold C, X, Y, Z / fold), with
each kernel laid out once for each position inside the fold.  In channels-last memory this moves no
image data, and the result is the same convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Size = tuple[int, int, int]


def folded_convolution(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: Size, fold: int
) -> Tensor:
    """``functional.conv3d(image, weight, bias, padding=padding)``, ``fold`` cells of z at a time.

    ``image`` (N, C, X, Y, Z), ``weight`` (O, C, kx, ky, kz); the result (N, O, X', Y', Z') is in
    channels-last memory.
    """
    outputs, depth = weight.shape[0], weight.shape[4]
    length = image.shape[4] + 2 * padding[2] - depth + 1
    steps, taps = -(-length // fold), -(-(depth + fold - 1) // fold)
    behind = fold * (steps + taps - 1) - image.shape[4] - padding[2]
    folded = _fold(functional.pad(image, (padding[2], behind)), fold)
    spread = torch.stack(
        [functional.pad(weight, (k, fold * taps - depth - k)) for k in range(fold)]
    )
    kernel = spread.unflatten(5, (taps, fold)).permute(0, 1, 6, 2, 3, 4, 5)  # type: ignore[no-untyped-call]
    result = functional.conv3d(
        folded,
        kernel.flatten(0, 1).flatten(1, 2).contiguous(memory_format=torch.channels_last_3d),
        None if bias is None else bias.repeat(fold),
        padding=(padding[0], padding[1], 0),
    )
    return _unfold(result, outputs)[..., :length]


def _fold(image: Tensor, fold: int) -> Tensor:
    last = image.permute(0, 2, 3, 4, 1)
    n, x, y, z, channels = last.shape
    return last.reshape(n, x, y, z // fold, fold * channels).permute(0, 4, 1, 2, 3)


def _unfold(image: Tensor, channels: int) -> Tensor:
    last = image.permute(0, 2, 3, 4, 1)
    n, x, y, z, folded = last.shape
    return last.reshape(n, x, y, z * (folded // channels), channels).permute(0, 4, 1, 2, 3)


class FoldedConv3d(nn.Conv3d):
    """A 3D convolution that is folded while it is trained, and plain in evaluation and export.

    ``fold_for_image``: the fold where only the image's gradient is wanted, as in the generator's
    step through a discriminator.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Size,
        padding: Size,
        *,
        bias: bool = True,
        fold: int = 2,
        fold_for_image: int | None = None,
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=padding, bias=bias)
        self.margins = padding
        self.fold, self.fold_for_image = fold, fold_for_image or fold

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, outputs, X', Y', Z')."""
        only_image = image.requires_grad and not self.weight.requires_grad
        fold = self.fold_for_image if only_image else self.fold
        if not self.training or fold == 1:
            return super().forward(image)
        return folded_convolution(image, self.weight, self.bias, self.margins, fold)
