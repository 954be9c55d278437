"""What ``caloforge info`` says of a sample, read in blocks."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from caloforge.io import ShowerFile


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
        "why": "\n".join(file.why),
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
    """Ranges and means over all showers."""
    from caloforge.units import degree

    fraction, occupancy, empty = 0.0, 0.0, 0
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    for block in file.blocks():
        sums = block.cells.sum(axis=(1, 2, 3))
        fraction += float((sums / block.energy).sum(dtype=np.float64))
        occupancy += float((block.cells > 0).mean(axis=(1, 2, 3)).sum())
        empty += int(np.sum(sums <= 0))
        values = np.stack([block.energy, block.theta / degree])
        low, high = np.minimum(low, values.min(axis=1)), np.maximum(high, values.max(axis=1))
    filled = max(len(file) - empty, 1)
    rows = {
        "energy": f"{low[0]:g}-{high[0]:g} GeV",
        "theta": f"{low[1]:.4g}-{high[1]:.4g} deg",
        "sampling fraction": f"{fraction / filled:.3%} (mean of cell sum over Ep)",
        "cells hit": f"{occupancy / filled:.2%}",
    }
    if empty:
        rows["empty showers"] = f"{empty} of {len(file)}, left out of these means"
    return rows
