"""Whether a fast engine computes what ONNX Runtime computes."""

from pathlib import Path

import numpy as np

from caloforge.engine import Plan, load_engine, read_card, run
from caloforge.engine.latent import draw_latent
from caloforge.errors import ModelError

SHOWERS = 64
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2}
"""Allowed difference by precision; a rounding that crosses a threshold changes single cells."""
INT8_TOLERANCE = 0.05
"""The runtimes round INT8 layers' results differently."""


def difference(path: Path, plan: Plan) -> float:
    """Summed absolute difference of the cells to ONNX Runtime's over their sum, equal latent."""
    reference = Plan(runtime="onnx", threads=plan.cores, batch=SHOWERS)
    engines = [load_engine(path, chosen) for chosen in (reference, plan)]
    card = engines[0].card
    latent = draw_latent(card.latent, 0, 0, SHOWERS)
    energy = np.linspace(*card.energy_range_gev, SHOWERS, dtype=np.float32)
    theta = np.linspace(*card.theta_range_rad, SHOWERS, dtype=np.float32)
    expected, cells = (run(engine, latent, energy, theta) for engine in engines)
    return float(np.abs(cells - expected).sum() / expected.sum())


def check_parity(path: Path, plan: Plan) -> float:
    """The difference to ONNX Runtime, where it is small enough.

    Raises
    ------
    ModelError
        if it is not: the engine must not be used for this model.
    """
    found, allowed = difference(path, plan), TOLERANCE[plan.precision]
    if read_card(path).format == "int8":
        allowed = INT8_TOLERANCE
    if not found <= allowed:
        msg = (
            f"{path}: {plan.runtime} in {plan.precision} differs from ONNX Runtime by {found:.2g} "
            f"of the energy, allowed is {allowed:g}: use --runtime onnx"
        )
        raise ModelError(msg)
    return found
