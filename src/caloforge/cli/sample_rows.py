"""What ``caloforge info`` says of a sample, read in blocks."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from caloforge.io import ShowerFile

LOOKED_AT, AT_A_TIME = 128, 16
"""Showers that the means are taken from, and how many of them are neighbours: read in a moment,
however large the file."""


def sample_rows(file: "ShowerFile") -> dict[str, str]:
    """Name -> value of each line about a sample; errors as of ShowerFile.block."""
    from caloforge.io.identity import DETECTOR_ATTRIBUTE

    return {
        "what": "showers",
        "showers": str(len(file)),
        "layout": f"{file.LAYOUT}: {file.unit}; {file.order}",
        "cells": f"{file.cell_shape} ({_detector(file)})",
        "particle": file.particle,
        "calibration": str(file.calibration),
        **_measured(file),
        "compression": file.compression,
        "why": "\n".join([*file.why, *file.notes]),
        **{
            key: str(value)
            for key, value in file.attributes.items()
            if key not in (DETECTOR_ATTRIBUTE, "particle", "caloforge_calibration")
        },
    }


def layout_rows() -> dict[str, str]:
    """Name -> title and forms of each layout."""
    from caloforge.io import LAYOUTS

    return {
        name: f"{layout.title}\n{layout.opens.UNIT}; {layout.opens.ORDER}"
        for name, layout in LAYOUTS.items()
    }


def _detector(file: "ShowerFile") -> str:
    if file.known_detector is None:
        return "detector unknown: give it with --detector FILE.toml"
    return f"window {file.window} of {file.known_detector.name}"


def _measured(file: "ShowerFile") -> dict[str, str]:
    """Ranges of all showers, and means over those that are looked at."""
    from caloforge.units import degree

    fraction, occupancy, looked, empty = 0.0, 0.0, 0, 0
    for start in _starts(len(file)):
        block = file.block(start, min(start + AT_A_TIME, len(file)))
        sums = block.cells.sum(axis=(1, 2, 3))
        fraction += float((sums / block.energy).sum(dtype=np.float64))
        occupancy += float((block.cells > 0).mean(axis=(1, 2, 3)).sum())
        looked, empty = looked + len(sums), empty + int(np.sum(sums <= 0))
    filled = max(looked - empty, 1)
    energy, theta = file.energy, file.theta / degree
    rows = {
        "energy": f"{energy.min():g}-{energy.max():g} GeV",
        "theta": f"{theta.min():.4g}-{theta.max():.4g} deg",
        **_told(file),
        "sampling fraction": f"{fraction / filled:.3%} (mean of cell sum over Ep)",
        "cells hit": f"{occupancy / filled:.2%}",
    }
    if looked < len(file):
        rows["looked at"] = f"{looked} showers, spread over the file, for these means"
    if empty:
        rows["empty showers"] = f"{empty} of {looked}, left out of these means"
    return rows


def _told(file: "ShowerFile") -> dict[str, str]:
    """What only some samples tell of their showers."""
    from caloforge.units import degree

    rows, phi = {}, file.conditions.phi
    if phi is not None:
        rows["phi"] = f"{phi.min() / degree:.4g}-{phi.max() / degree:.4g} deg"
    impact = file.impact_points()
    if impact is not None:
        ends = zip("xy", impact.min(axis=0), impact.max(axis=0), strict=True)
        told = ", ".join(f"{axis} {low:.3g} to {high:.3g}" for axis, low, high in ends)
        rows["impact"] = f"{told} mm from the image's middle pad"
    return rows


def _starts(n: int) -> list[int]:
    """Where the runs of showers begin that are looked at, in a file of n."""
    if n <= LOOKED_AT:
        return list(range(0, n, AT_A_TIME))
    return [int(start) for start in np.linspace(0, n - AT_A_TIME, LOOKED_AT // AT_A_TIME)]
