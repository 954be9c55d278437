"""The terms of the 3DGAN losses, as plain functions of tensors."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def percentage_error(measured: Tensor, true: Tensor) -> Tensor:
    """Mean absolute percentage error, in percent as Keras defines it (the published loss).

    >>> percentage_error(torch.tensor([90.0, 110.0]), torch.tensor([100.0, 100.0]))
    tensor(10.)
    """
    return 100.0 * ((measured - true).abs() / true.abs().clamp(min=1e-7)).mean()


def flipped_labels(n: int, label: float, fraction: float, smoothing: float) -> Tensor:
    """Labels (n,) of real (1) or fake (0) images, a random ``fraction`` of them flipped.

    ``smoothing`` lowers every label of 1 to 1 - smoothing.

    >>> flipped_labels(2, 1.0, 0.0, 0.1)
    tensor([0.9000, 0.9000])
    """
    flipped = torch.rand(n) < fraction
    labels = torch.where(flipped, 1.0 - label, label)
    return labels * (1.0 - smoothing)


def real_or_fake(logit: Tensor, label: Tensor) -> Tensor:
    """Binary cross-entropy of logits (N,) against labels (N,)."""
    return functional.binary_cross_entropy_with_logits(logit, label)


def gradient_penalty(logit: Tensor, image: Tensor) -> Tensor:
    """R1: half the squared gradient of the logit on real images, averaged over them.

    Mescheder, Geiger, Nowozin, ICML 2018 (arXiv 1801.04406), eq. 9, without its weight.
    ``image`` must require a gradient.
    """
    (gradient,) = torch.autograd.grad(logit.sum(), image, create_graph=True)
    return 0.5 * gradient.float().square().flatten(1).sum(dim=1).mean()
