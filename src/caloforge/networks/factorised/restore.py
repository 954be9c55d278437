"""A factorised network from the tables of a model file: the same numbers, so the same showers."""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.card import ModelCard
from caloforge.config import build
from caloforge.errors import ModelError
from caloforge.networks.base import Domain
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions
from caloforge.networks.factorised.tables import (
    Initializers,
    held_tables,
    left_out,
    tables,
    weights_of,
)

OLDER = {"halo.alias": "halo.instead"}
"""Tables that samplers know by another name."""
ROUNDING = 1e-4
"""Relative differences of tables that are computed from weights, which are computed from them."""


def restored(card: ModelCard, described: str, held: Initializers) -> FactorisedGenerator:
    """The network whose tables a model file holds, as its metadata ``described`` them.

    Raises
    ------
    ModelError
        if the file does not tell its options, or lacks a table.
    """
    where = f"the recipe of {card.name}"
    options = card.training.recipe.get("network", {})
    network = FactorisedGenerator(
        build(FactorisedOptions, options, where=where, error=ModelError),
        Domain.of(card.detector, card.window, card.energy_range_gev, card.theta_range_rad),
    )
    known = {
        name: torch.from_numpy(values.copy())
        for name, values in (dict(held) | held_tables(described, held)).items()
    }
    known |= {name: torch.from_numpy(each) for name, each in weights_of(described, held).items()}
    _add_pairs(known)
    if "layers.colouring.transposed" in known:
        known["layers.colouring"] = known["layers.colouring.transposed"].T
    own = network.state_dict()
    for name, values in own.items():
        found = known.get(name, known.get(OLDER.get(name, name)))
        if found is not None and found.numel() == values.numel():
            values.copy_(found.reshape(values.shape))
    network.load_state_dict(own)
    _check(network, known, left_out(described), card)
    return network.eval()


def _add_pairs(known: dict[str, Tensor]) -> None:
    """What two tables hold of one weight."""
    pairs = [known[name] for name in ("halo.pairs.few", "halo.pairs.more") if name in known]
    if len(pairs) == 2:
        known["halo.pairs"] = torch.stack([each.reshape(()) for each in pairs])


def _check(
    network: FactorisedGenerator, known: dict[str, Tensor], zeros: set[str], card: ModelCard
) -> None:
    for name, values in tables(network).items():
        found, wanted = known.get(name), torch.from_numpy(values)
        if found is None or found.numel() != wanted.numel():
            same = name in zeros and not wanted.any()
        else:
            scale = float(wanted.abs().max().clamp(min=1e-30))
            difference = (found.reshape(wanted.shape).double() - wanted.double()).abs().max()
            same = float(difference) <= ROUNDING * scale
        if not same:
            msg = f"the file of {card.name} does not hold all of its network: '{name}' is another"
            raise ModelError(msg)
