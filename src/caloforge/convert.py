"""A sample in another file format: ROOT for analysis, HDF5 in the 3DGAN or CaloChallenge layout."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.errors import InputError
from caloforge.io import ShowerFile, ShowerWriter
from caloforge.io.calochallenge import write_calochallenge
from caloforge.io.root import write_tree
from caloforge.physics import observables
from caloforge.scaling import HIT_THRESHOLDS_GEV
from caloforge.showers import Showers
from caloforge.typing import AnyArray
from caloforge.units import keV

TREE = "showers"
FORMATS = (".root", ".h5", ".hdf5")
"""Endings: ROOT, the 3DGAN layout, and that of the CaloChallenge, whose files end so."""
Progress = Callable[[int], None]


def convert(
    sample: ShowerFile, path: Path, *, cells: bool, compression: str | None, on_progress: Progress
) -> None:
    """Write a sample to ``path``, in the format that its ending names.

    Raises
    ------
    InputError
        if the ending is none of these, or the CaloChallenge layout cannot hold the sample.
    OutputError
        if the file cannot be written.
    """
    if path.suffix == ".root":
        _to_root(sample, path, cells, on_progress)
    elif path.suffix == ".h5":
        _to_hdf5(sample, path, compression, on_progress)
    elif path.suffix == ".hdf5":
        write_calochallenge(path, sample, _watched(sample, on_progress), compression)
    else:
        msg = f"cannot convert to '{path.suffix}': allowed endings are {', '.join(FORMATS)}"
        raise InputError(msg)


def analysis_branches(showers: Showers) -> dict[str, AnyArray]:
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


def cell_branches(showers: Showers) -> dict[str, Any]:
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


def _watched(sample: ShowerFile, on_progress: Progress) -> Iterator[Showers]:
    """A sample's chunks, telling after each how many showers are done."""
    done = 0
    for chunk in sample.chunks():
        yield chunk
        done += len(chunk)
        on_progress(done)


def _to_root(sample: ShowerFile, path: Path, cells: bool, on_progress: Progress) -> None:
    branches = (
        analysis_branches(chunk) | (cell_branches(chunk) if cells else {})
        for chunk in _watched(sample, on_progress)
    )
    write_tree(path, TREE, branches)


def _to_hdf5(
    sample: ShowerFile, path: Path, compression: str | None, on_progress: Progress
) -> None:
    with ShowerWriter(
        path, sample.detector, sample.cell_shape, len(sample),
        compression=compression, attributes=sample.attributes,
    ) as writer:  # fmt: skip
        done = 0
        for chunk in _watched(sample, on_progress):
            writer.write(done, chunk.cells, chunk.conditions)
            done += len(chunk)
        writer.finish()
