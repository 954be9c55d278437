"""Optimisers that a GPU's graph can hold; their stored states are those of a processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer


def optimiser_of(
    kind: Callable[..., Optimizer], module: nn.Module, rate: float, device: str, **options: Any
) -> Optimizer:
    """An optimiser of a module's parameters with a learning rate that :func:`set_rate` changes."""
    if device == "cpu":
        return kind(module.parameters(), rate, **options)
    there = torch.tensor(rate, device=device)
    return kind(module.parameters(), there, capturable=True, **options)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Change the learning rate, where it lies."""
    for part in optimiser.param_groups:
        if isinstance(part["lr"], torch.Tensor):
            part["lr"].fill_(rate)
        else:
            part["lr"] = rate


def stored(optimiser: Optimizer) -> dict[str, Any]:
    """Its state, whatever the device it is on."""
    state = optimiser.state_dict()
    groups = [{**g, "lr": float(g["lr"]), "capturable": False} for g in state["param_groups"]]
    return {**state, "param_groups": groups}


def restore(optimiser: Optimizer, state: dict[str, Any]) -> None:
    """The inverse of :func:`stored`; the learning rate is left as it is."""
    mine = optimiser.param_groups
    groups = [
        {**theirs, "lr": own["lr"], "capturable": own["capturable"]}
        for theirs, own in zip(state["param_groups"], mine, strict=True)
    ]
    optimiser.load_state_dict({**state, "param_groups": groups})
