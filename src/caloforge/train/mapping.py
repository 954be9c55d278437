"""A weight of one network as a weight of another, by the meaning of its rows and columns."""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.meaning import Axes, AxisBlock, Change


def mapped(theirs: Tensor, mine: Tensor, axes: tuple[Axes, Axes], meaning: Change) -> Tensor | None:
    """A weight with its places moved to where they have the same meaning; None if there are none.

    New columns are zero, so that what is new has no effect; new rows stay as they are.
    """
    result = theirs
    for dim in range(mine.dim()):
        if dim not in axes[0] or dim not in axes[1]:
            if theirs.shape[dim] != mine.shape[dim]:
                return None
            continue
        if axes[0][dim] == axes[1][dim] and not meaning.matrices:
            continue
        found = _place_map(axes[0][dim], axes[1][dim], meaning)
        if found is None or len(found) != theirs.shape[dim]:
            return None
        result = torch.tensordot(result, found, dims=([dim], [0])).movedim(-1, dim)
        if dim == 0 and result.shape == mine.shape:
            new = (found == 0).all(dim=0)
            result[new] = mine[new]
    return result if result.shape == mine.shape else None


def _place_map(
    old: tuple[AxisBlock, ...], new: tuple[AxisBlock, ...], meaning: Change
) -> Tensor | None:
    """(old places, new places) of an axis; None where a block of both cannot be mapped."""
    rows = []
    common = False
    for theirs in old:
        columns = []
        for mine in new:
            found: Tensor | None = torch.zeros(theirs.number * theirs.each, mine.number * mine.each)
            if theirs.name == mine.name:
                found, common = meaning.matrix(theirs, mine), True
            if found is None:
                return None
            columns.append(found)
        rows.append(torch.cat(columns, dim=1))
    return torch.cat(rows) if common else None


def constant(theirs: Tensor, axes: Axes, meaning: Change) -> Tensor | None:
    """What features that are constant in the new network did in the old one: (rows,)."""
    first = 0
    for block in axes.get(1, ()):
        last = first + block.number * block.each
        if block.name == "features" and len(meaning.offset) == block.number:
            return theirs[:, first:last] @ meaning.offset
        first = last
    return None
