"""The dense classifier of the CaloChallenge, on voxels or on high-level features."""

from __future__ import annotations

from torch import nn

HIDDEN, HIDDEN_LAYERS = 2048, 2


def dense_classifier(inputs: int) -> nn.Sequential:
    """Logits (N, 1) of inputs (N, F): into 2048 units, two layers of 2048, leaky ReLUs between.

    >>> sum(p.numel() for p in dense_classifier(10).parameters())
    8417281
    """
    layers: list[nn.Module] = [nn.Linear(inputs, HIDDEN), nn.LeakyReLU()]
    for _ in range(HIDDEN_LAYERS):
        layers += [nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU()]
    return nn.Sequential(*layers, nn.Linear(HIDDEN, 1))
