"""3D convolutions with few channels, computed with full vector registers.

A convolution with 8 channels leaves half of a 16-wide register empty, and one with a single input
channel leaves fifteen sixteenths empty where its image's gradient is computed.  Folding ``fold``
neighbouring cells along z into channels fills them: (C, X, Y, Z) -> (fold C, X, Y, Z / fold), with
each kernel laid out once for each position inside the fold.  In channels-last memory this moves no
image data, and the result is the same convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv3d_input, conv3d_weight

Size = tuple[int, int, int]


class Folding:
    """How a convolution of given shapes is folded by ``fold`` along z.

    ``image`` (N, C, X, Y, Z), ``weight`` (O, C, kx, ky, kz); results (N, O, X', Y', Z') are in
    channels-last memory.
    """

    def __init__(self, image: Tensor, weight: Tensor, padding: Size, fold: int) -> None:
        self.fold, self.before, self.depth = fold, padding[2], weight.shape[4]
        self.padding = (padding[0], padding[1], 0)
        self.length = image.shape[4] + 2 * padding[2] - self.depth + 1
        self.steps = -(-self.length // fold)
        self.taps = -(-(self.depth + fold - 1) // fold)
        self.behind = fold * (self.steps + self.taps - 1) - image.shape[4] - padding[2]

    def image(self, image: Tensor) -> Tensor:
        """(N, C, X, Y, Z) -> (N, fold C, X, Y, Z / fold)."""
        return _fold(functional.pad(image, (self.before, self.behind)), self.fold)

    def kernel(self, weight: Tensor) -> Tensor:
        """(O, C, kx, ky, kz) -> (fold O, fold C, kx, ky, taps)."""
        beyond = self.fold * self.taps - self.depth
        shifted = [functional.pad(weight, (k, beyond - k)) for k in range(self.fold)]
        kernel = _fold(torch.cat(shifted), self.fold)
        return kernel.contiguous(memory_format=torch.channels_last_3d)

    def weight(self, kernel: Tensor, outputs: int) -> Tensor:
        """Gradient of the weight from that of the kernel: the adjoint of :meth:`kernel`."""
        shifted = _unfold(kernel, kernel.shape[1] // self.fold).split(outputs)  # type: ignore[no-untyped-call]
        parts = [part.narrow(4, k, self.depth) for k, part in enumerate(shifted)]
        return torch.stack(parts).sum(dim=0)

    def gradient(self, gradient: Tensor) -> Tensor:
        """Gradient of the folded result from that of the result."""
        return _fold(functional.pad(gradient, (0, self.steps * self.fold - self.length)), self.fold)

    def convolve(self, image: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution."""
        repeated = None if bias is None else bias.repeat(self.fold)
        folded = functional.conv3d(
            self.image(image), self.kernel(weight), repeated, padding=self.padding
        )
        return _unfold(folded, weight.shape[0])[..., : self.length]

    def image_gradient(self, gradient: Tensor, image: Tensor, weight: Tensor) -> Tensor:
        """Gradient of the image, from that of the result."""
        n, channels, x, y, z = image.shape
        shape = (n, self.fold * channels, x, y, self.steps + self.taps - 1)
        folded = conv3d_input(  # type: ignore[no-untyped-call]
            shape, self.kernel(weight), self.gradient(gradient), padding=self.padding
        )
        return _unfold(folded, channels).narrow(4, self.before, z)

    def weight_gradient(self, gradient: Tensor, image: Tensor, weight: Tensor) -> Tensor:
        """Gradient of the weight, from that of the result."""
        outputs, channels, x, y, _ = weight.shape
        shape = (self.fold * outputs, self.fold * channels, x, y, self.taps)
        kernel = conv3d_weight(  # type: ignore[no-untyped-call]
            self.image(image), shape, self.gradient(gradient), padding=self.padding
        )
        return self.weight(kernel, outputs)


def _fold(image: Tensor, fold: int) -> Tensor:
    last = image.permute(0, 2, 3, 4, 1)
    n, x, y, z, channels = last.shape
    return last.reshape(n, x, y, z // fold, fold * channels).permute(0, 4, 1, 2, 3)


def _unfold(image: Tensor, channels: int) -> Tensor:
    last = image.permute(0, 2, 3, 4, 1)
    n, x, y, z, folded = last.shape
    return last.reshape(n, x, y, z * (folded // channels), channels).permute(0, 4, 1, 2, 3)


class FoldedConvolution(torch.autograd.Function):
    """``functional.conv3d`` with its own fold for the result and weight, and for the image's
    gradient; differentiable twice."""

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        padding: Size,
        folds: tuple[int, int],
    ) -> Tensor:
        """Arguments as in ``conv3d``; ``folds``: of result and weight, of the image's gradient."""
        ctx.save_for_backward(image, weight)
        ctx.padding, ctx.folds, ctx.has_bias = padding, folds, bias is not None
        return Folding(image, weight, padding, folds[0]).convolve(image, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of image, weight and bias where they are wanted."""
        (gradient,) = gradients
        image, weight = ctx.saved_tensors
        of_image = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            folding = Folding(image, weight, ctx.padding, ctx.folds[1])
            of_image = folding.image_gradient(gradient, image, weight)
        if ctx.needs_input_grad[1]:
            folding = Folding(image, weight, ctx.padding, ctx.folds[0])
            of_weight = folding.weight_gradient(gradient, image, weight)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            of_bias = gradient.sum(dim=(0, 2, 3, 4))
        return of_image, of_weight, of_bias, None, None


class FoldedConv3d(nn.Conv3d):
    """A 3D convolution that is folded while a processor trains it, and plain on a GPU, in
    evaluation and in export.

    ``fold`` serves the result and the weight's gradient, ``image_fold`` the image's gradient; which
    is best depends on the channels and was measured.
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
        image_fold: int = 2,
    ) -> None:
        super().__init__(inputs, outputs, kernel, padding=padding, bias=bias)
        self.margins, self.folds = padding, (fold, image_fold)

    def forward(self, image: Tensor) -> Tensor:
        """Features (N, outputs, X', Y', Z')."""
        if not self.training or self.folds == (1, 1) or image.is_cuda:
            return super().forward(image)
        weight, bias = self.weight, self.bias
        if torch.is_autocast_enabled("cpu"):
            kind = torch.get_autocast_dtype("cpu")
            image, weight = image.to(kind), weight.to(kind)
            bias = None if bias is None else bias.to(kind)
        arguments = (image, weight, bias, self.margins, self.folds)
        folded: Tensor = FoldedConvolution.apply(*arguments)  # type: ignore[no-untyped-call]
        return folded
