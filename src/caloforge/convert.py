"""A sample in another layout: ROOT for analysis, HDF5 in any of :data:`caloforge.io.LAYOUTS`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.calibration import Calibration
from caloforge.errors import InputError
from caloforge.io import Block, ShowerFile
from caloforge.io.gan3d_writer import IMPACT_COLUMNS
from caloforge.io.layouts import layout_named
from caloforge.io.root import PHI, write_tree
from caloforge.io.rows import SampleHead
from caloforge.io.sparse import SHAPE_ATTRIBUTE
from caloforge.particle import may_be_same, particle_name
from caloforge.physics import observables
from caloforge.scaling import HIT_THRESHOLDS_GEV
from caloforge.showers import Showers, checked_cells
from caloforge.typing import AnyArray
from caloforge.units import keV

FORMATS = {".root": None, ".h5": "gan3d", ".hdf5": "calochallenge", ".parquet": "parquet"}
"""Endings -> the layout that is written where none is named; None: ROOT."""
Progress = Callable[[int], None]


def convert(
    sample: ShowerFile,
    path: Path,
    *,
    layout: str | None = None,
    factors: Sequence[float] = (),
    cells: bool = False,
    compression: str | None = None,
    on_progress: Progress = lambda done: None,
) -> None:
    """Write a sample to ``path``, in the layout named, or in that which its ending means.

    Cells are multiplied by ``factors``, one number or one a layer, and the file's calibration says
    so. ``cells``: in ROOT files, the hit cells of every shower too.

    Raises
    ------
    InputError
        if the ending is none of these, the layout cannot hold the sample, or the factors are not
        as many as layers.
    OutputError
        if the file cannot be written.
    """
    if path.suffix not in FORMATS:
        msg = f"cannot convert to '{path.suffix}': allowed endings are {', '.join(FORMATS)}"
        raise InputError(msg)
    calibration = calibrated(sample, factors)
    blocks = _watched(sample, factors, calibration, on_progress)
    if path.suffix == ".root" and layout in (None, "root"):
        about = _head(sample, calibration).all_attributes | {SHAPE_ATTRIBUTE: sample.cell_shape}
        write_tree(path, (_branches(block, cells) for block in blocks), about)
        return
    chosen = layout_named(str(layout or FORMATS[path.suffix]))
    if chosen.writer is None or path.suffix not in chosen.endings:
        msg = f"{path}: layout {layout} is written into files that end in"
        raise InputError(f"{msg} {' or '.join(chosen.endings)}")
    chosen.writer().write(path, _head(sample, calibration), blocks, compression)


def state_particle(sample: ShowerFile, particle: str) -> None:
    """Say of which particle an open sample's showers are.

    Raises
    ------
    InputError
        if there is no such particle, or the sample is of another.
    """
    stated = particle_name(particle)
    if not may_be_same(sample.particle, stated):
        msg = f"{sample.path} holds showers of {sample.particle}, not of {stated}"
        raise InputError(msg)
    sample.particle = stated


def calibrated(sample: ShowerFile, factors: Sequence[float]) -> Calibration:
    """What the cells of a sample mean after the factors; InputError for a wrong number of them."""
    if not factors:
        return sample.calibration
    layers = sample.cell_shape[2]
    if len(factors) not in (1, layers) or not all(np.isfinite(f) and f > 0 for f in factors):
        got = ", ".join(f"{f:g}" for f in factors)
        msg = f"a calibration takes one positive factor, or one for each of {layers} layers: {got}"
        raise InputError(msg)
    return sample.calibration.times(factors)


def _head(sample: ShowerFile, calibration: Calibration) -> SampleHead:
    first = sample.block(0, 1)
    return SampleHead(
        len(sample), sample.cell_shape, sample.known_detector, sample.particle, calibration,
        sample.attributes, first.phi is not None, first.impact is not None,
    )  # fmt: skip


def _watched(
    sample: ShowerFile, factors: Sequence[float], calibration: Calibration, on_progress: Progress
) -> Iterator[Block]:
    """A sample's blocks, their cells times the factors, telling after each how many are done."""
    done = 0
    for block in sample.blocks():
        if factors:
            cells = (block.cells * np.asarray(factors)).astype(np.float32)
            cells = checked_cells(cells, block.energy, calibration, first_row=done)
            block = replace(block, cells=cells)
        yield block
        done += len(block)
        on_progress(done)


def analysis_branches(showers: Block | Showers) -> dict[str, AnyArray]:
    """The quantities of each shower that an analysis uses, one array (N, ...) a branch.

    ``Ep``, ``ECAL`` and ``layer_energy`` (Z) in GeV, ``theta`` in rad, ``mean_x`` ... ``width_z``
    (first moment and root of the second central one) in cells, ``hits_1keV`` ... counts.
    """
    cells = showers.cells
    branches: dict[str, AnyArray] = {
        "Ep": showers.energy,
        "theta": showers.theta,
        "ECAL": observables.deposited_energy(cells),
        "sampling_fraction": observables.response(cells, showers.energy),
    }
    for axis in observables.AXES:
        profile = observables.profile(cells, axis)
        branches[f"mean_{axis}"] = observables.centre(profile)
        branches[f"width_{axis}"] = observables.width(profile)
        if axis == "z":
            branches["layer_energy"] = profile
    for threshold in HIT_THRESHOLDS_GEV:
        hits = observables.hits_above(cells, threshold)
        branches[f"hits_{threshold / keV:g}keV"] = hits.astype(np.int32)
    return branches


def cell_branches(showers: Block | Showers) -> dict[str, Any]:
    """The hit cells of each shower as branches of varying length: indices, and energy in GeV."""
    import awkward

    shower, *indices = np.nonzero(showers.cells)
    counts = np.bincount(shower, minlength=len(showers))
    fields: dict[str, AnyArray] = {
        axis: index.astype(np.int16) for axis, index in zip("xyz", indices, strict=True)
    }
    fields["energy"] = showers.cells[(shower, *indices)]
    hits = awkward.zip({name: awkward.unflatten(values, counts) for name, values in fields.items()})
    return {"cell": hits}


def _branches(block: Block, cells: bool) -> dict[str, Any]:
    told: dict[str, AnyArray] = {} if block.phi is None else {PHI: block.phi}
    if block.impact is not None:
        told |= dict(zip(IMPACT_COLUMNS, block.impact.T, strict=True))
    return analysis_branches(block) | told | (cell_branches(block) if cells else {})
