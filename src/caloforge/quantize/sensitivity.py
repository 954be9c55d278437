"""What the INT8 of each single layer costs, and which observable pays."""

from collections.abc import Iterator

import numpy as np

from caloforge.config import FrozenModel
from caloforge.physics import observables
from caloforge.quantize.accuracy import Search
from caloforge.quantize.candidate import cells_of_all
from caloforge.quantize.graph import layer_names
from caloforge.scaling import HIT_THRESHOLDS_GEV
from caloforge.typing import AnyArray, FloatArray


class Sensitivity(FrozenModel):
    """One layer in INT8, all others in float: changes against the float model at equal latents.

    ``score`` is the change of the score; ``observables`` the relative changes of mean values;
    ``pixel_gev`` the mean over showers of the summed absolute cell difference, in GeV.
    """

    layer: str
    score: float
    pixel_gev: float
    observables: dict[str, float]

    @property
    def most_affected(self) -> str:
        """The observable that changes most."""
        return max(self.observables, key=lambda name: abs(self.observables[name]))


def sensitivities(search: Search) -> Iterator[Sensitivity]:
    """Quantize every layer on its own and measure what changes."""
    judge, items = search.judge, search.judge.items

    def cells_of(model: object) -> FloatArray:
        return cells_of_all(model, search.card, judge, items, search.plan)

    energy = judge.reference.energy
    plain = cells_of(search.model)
    number, means = judge.number(plain), _means(plain, energy)
    for layer in layer_names(search.model):
        cells = cells_of(search.plain([layer]))
        changed = _means(cells, energy)
        yield Sensitivity(
            layer=layer, score=judge.number(cells) - number,
            pixel_gev=pixel_difference(cells, plain),
            observables={name: changed[name] / value - 1 for name, value in means.items()},
        )  # fmt: skip


def pixel_difference(cells: FloatArray, reference: FloatArray) -> float:
    """Mean over showers of the summed absolute difference of their cells, in GeV."""
    return float(np.abs(cells - reference).sum(axis=(1, 2, 3)).mean())


def _means(cells: FloatArray, energy: AnyArray) -> dict[str, float]:
    """Mean response, depth, widths and hits; the observables that a layer may harm."""
    found = {"response": observables.response(cells, energy)}
    found["depth"] = observables.centre(observables.profile(cells, "z"))
    for axis in observables.AXES:
        found[f"width {axis}"] = observables.width(observables.profile(cells, axis))
    found["hits"] = observables.hits_above(cells, HIT_THRESHOLDS_GEV[0]).astype(np.float64)
    return {name: float(values.mean()) or 1e-30 for name, values in found.items()}
