"""Batch norm with the statistics of the whole batch, where ranks hold parts of it.

torch's own ``SyncBatchNorm`` needs a GPU; this one takes any device, with torch's fused kernels for
everything that touches an image and two small messages (one forward, one backward).  It can be
differentiated once only.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

normalise = torch.native_batch_norm
normalise_backward = torch.ops.aten.native_batch_norm_backward


def share_statistics(module: nn.Module) -> None:
    """Let every batch norm in the module use all ranks' statistics; its state stays as it is."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.__class__ = CommonNorm2d
        elif isinstance(part, nn.BatchNorm3d):
            part.__class__ = CommonNorm3d


def has_norm(module: nn.Module) -> bool:
    """Whether there is a batch norm in the module."""
    return any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())


class _Normalised(torch.autograd.Function):
    """Batch norm in training; returns the normalised image, and mean and variance of all ranks."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        scratch = torch.zeros_like(weight), torch.ones_like(weight)
        mean, variance = torch.batch_norm_update_stats(image, *scratch, 0.0)
        moments = torch.stack([mean.double(), variance.double() + mean.double().square()])
        mean, square = _mean_over_ranks(moments)
        variance = (square - mean.square()).clamp(min=0.0).float()
        mean = mean.float()
        result, *_ = normalise(image, weight, bias, mean, variance, False, 0.0, eps)
        ctx.save_for_backward(image, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        image, weight, mean, variance = ctx.saved_tensors
        gradient, inverse = gradients[0], (variance + ctx.eps).rsqrt()
        of_image, of_weight, of_bias = normalise_backward(
            gradient, image, weight, mean, variance, mean, inverse, False, ctx.eps, [True] * 3
        )
        along, level = _mean_over_ranks(torch.stack([of_weight, of_bias]).double())
        count = image.numel() // image.shape[1]
        slope = (weight * inverse.square() * along / count).float()
        offset = (weight * inverse * level / count).float() - slope * mean
        per_channel = (1, -1, *[1] * (image.dim() - 2))
        of_image = of_image.addcmul_(image, slope.to(image.dtype).view(per_channel), value=-1)
        return of_image.sub_(offset.to(image.dtype).view(per_channel)), of_weight, of_bias, None


def _mean_over_ranks(values: Tensor) -> tuple[Tensor, Tensor]:
    dist.all_reduce(values)
    first, second = values / dist.get_world_size()
    return first, second


class _CommonNorm(nn.modules.batchnorm._BatchNorm):
    def forward(self, image: Tensor) -> Tensor:
        """The normalised image; in evaluation as always."""
        if not self.training:
            return super().forward(image)
        arguments = (image, self.weight, self.bias, self.eps)
        result: Tensor
        result, mean, variance = _Normalised.apply(*arguments)  # type: ignore[no-untyped-call]
        count = image.numel() // image.shape[1] * dist.get_world_size()
        state = dict(self.named_buffers())
        state["num_batches_tracked"] += 1
        state["running_mean"].lerp_(mean, self.momentum or 0.0)
        state["running_var"].lerp_(variance * (count / (count - 1)), self.momentum or 0.0)
        return result


class CommonNorm2d(_CommonNorm, nn.BatchNorm2d):
    """:class:`torch.nn.BatchNorm2d` over all ranks."""


class CommonNorm3d(_CommonNorm, nn.BatchNorm3d):
    """:class:`torch.nn.BatchNorm3d` over all ranks."""
