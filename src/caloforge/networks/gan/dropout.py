"""Dropout whose random mask costs a byte of randomness a number instead of a draw."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ByteDropout(nn.Module):
    """Dropout in training: each number is zeroed with a probability of ``cut`` / 256.

    Torch draws a 32-bit number for each element, which takes a tenth of a training step of the 3D
    discriminator; here eight elements share a 64-bit number.  The rest is scaled up as usual.

    >>> dropout = ByteDropout(0.2)
    >>> dropout.cut
    51
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.cut = round(256 * probability)

    def forward(self, features: Tensor) -> Tensor:
        """The features, in training with some of them zero."""
        if not self.training or not self.cut:
            return features
        number = -(-features.numel() // 8)
        words = torch.empty(number, dtype=torch.int64, device=features.device)
        random = words.random_(-(2**63), None).view(torch.uint8)[: features.numel()]
        kept = (random >= self.cut).to(features.dtype).mul_(256 / (256 - self.cut))
        return features * kept.as_strided(features.shape, _dense_strides(features))


def _dense_strides(features: Tensor) -> tuple[int, ...]:
    """Strides of a dense tensor with the features' shape and order of axes in memory."""
    strides, size = [0] * features.dim(), 1
    for axis in sorted(range(features.dim()), key=lambda a: features.stride(a)):
        strides[axis] = size
        size *= features.shape[axis]
    return tuple(strides)
