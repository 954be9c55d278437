"""Showers generated at the conditions of measured ones, for what is found by comparing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.objective import Batch

BATCH = 64


def generated(
    generator: FactorisedGenerator, conditions: Iterable[Iterable[Tensor]]
) -> Iterator[Batch]:
    """Batches of showers at ``conditions``, parts with energies in GeV and angles in rad."""
    both = map(torch.cat, zip(*conditions, strict=True))
    for energy, theta in zip(*(torch.split(each, BATCH) for each in both), strict=True):
        cells = generator(generator.draw_latent(len(energy)), energy, theta)
        yield Batch(cells, energy, theta)
