"""One layer of a calorimeter: its slabs and, where layers differ, its rings and sectors."""

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from caloforge.config import FrozenModel
from caloforge.material import Positive
from caloforge.typing import AnyArray, Float64Array

Edge = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
MOST_LAYERS = 1000
"""Of one kind in a detector; the finest calorimeters that are planned have some hundred."""
MOST_SECTORS = 1000


class Slab(FrozenModel):
    """One sheet of a layer: a material's name, a thickness in mm, and whether it is read out."""

    material: str
    thickness_mm: Positive
    sensitive: bool = False


class Layer(FrozenModel):
    """``count`` identical layers, each a stack of slabs in the order the beam meets them.

    The stack fills the layer; ``pitch_mm`` may state the layer's thickness as a check. A layer
    whose material is not known has no stack, and is as thick as its ``pitch_mm``, if stated.
    In a cylinder, ``ring_edges_mm`` and ``sectors`` may give the layer a read-out of its own;
    ``number`` is what the experiment calls the layer.
    """

    count: Annotated[Count, Field(le=MOST_LAYERS)] = 1
    number: Annotated[int, Field(ge=0)] | None = None
    pitch_mm: Positive | None = None
    stack: tuple[Slab, ...] = ()
    ring_edges_mm: Annotated[tuple[Edge, ...], Field(min_length=2)] | None = None
    sectors: Annotated[Count, Field(le=MOST_SECTORS)] | None = None

    @model_validator(mode="after")
    def _is_read_out(self) -> Self:
        if self.stack and not any(slab.sensitive for slab in self.stack):
            msg = "a layer needs at least one slab with sensitive = true"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _fills_its_pitch(self) -> Self:
        pitch = self.pitch_mm
        if pitch is not None and abs(self.thickness_mm - pitch) > 1e-6 * pitch:
            fault = "overlap" if self.thickness_mm > pitch else "leave a gap (fill it with air)"
            msg = f"the slabs {fault}: {self.thickness_mm:g} mm of them, pitch_mm is {pitch:g}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _rings_rise(self) -> Self:
        edges = self.ring_edges_mm
        if (edges is None) != (self.sectors is None):
            msg = "a layer with a read-out of its own has both 'ring_edges_mm' and 'sectors'"
            raise ValueError(msg)
        if edges is not None and not np.all(np.diff(edges) > 0):
            msg = f"ring_edges_mm must rise, got {', '.join(f'{edge:g}' for edge in edges)}"
            raise ValueError(msg)
        return self

    @property
    def thickness_mm(self) -> float:
        """Thickness of one layer in mm; 0 where nothing tells it."""
        if not self.stack:
            return self.pitch_mm or 0.0
        return sum(slab.thickness_mm for slab in self.stack)

    @property
    def centre_mm(self) -> float:
        """Depth of the middle of the sensitive material in mm, from the layer's front."""
        if not self.stack:
            return self.thickness_mm / 2
        fronts = np.cumsum([0.0] + [slab.thickness_mm for slab in self.stack])
        thickness = np.array([slab.thickness_mm * slab.sensitive for slab in self.stack])
        middles = (fronts[:-1] + fronts[1:]) / 2
        return float((middles * thickness).sum() / thickness.sum())

    def edges_mm(self, regular: AnyArray) -> Float64Array:
        """Edges of the layer's rings in mm: its own, or where it has none the ``regular`` ones."""
        own = regular if self.ring_edges_mm is None else self.ring_edges_mm
        return np.asarray(own, np.float64)
