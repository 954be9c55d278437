"""Whether a fast engine computes what ONNX Runtime computes."""

from pathlib import Path

import numpy as np

from caloforge.card import ModelCard
from caloforge.engine.latent import draw_latent
from caloforge.engine.plan import Plan
from caloforge.engine.runtimes import REFERENCE, RUNTIMES, runtime_named
from caloforge.engine.streamed import run
from caloforge.errors import ModelError

SHOWERS = 64
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.2}
"""Allowed difference by precision; a rounding that crosses a threshold changes single cells."""
INT8_TOLERANCE = 0.05
"""The runtimes round INT8 layers' results differently."""


def difference(path: Path, plan: Plan, card: ModelCard) -> float:
    """Summed absolute difference of the cells to ONNX Runtime's over their sum, equal latent."""
    reference = Plan(runtime=REFERENCE, threads=plan.cores, batch=SHOWERS)
    latent = draw_latent(card.latent, 0, 0, SHOWERS)
    energy = np.linspace(*card.energy_range_gev, SHOWERS, dtype=np.float32)
    theta = np.linspace(*card.theta_range_rad, SHOWERS, dtype=np.float32)
    expected, cells = (
        run(runtime_named(chosen.runtime).load(path, chosen, card), latent, energy, theta)
        for chosen in (reference, plan)
    )
    return float(np.abs(cells - expected).sum() / expected.sum())


def check_parity(path: Path, plan: Plan, card: ModelCard) -> float:
    """The difference to ONNX Runtime, where it is small enough.

    Raises
    ------
    ModelError
        if it is not: the engine must not be used for this model.
    """
    allowed = INT8_TOLERANCE if card.format == "int8" else TOLERANCE[plan.precision]
    found = difference(path, plan, card)
    if not found <= allowed:
        msg = (
            f"{path}: {RUNTIMES[plan.runtime].title} in {plan.precision} differs from "
            f"{RUNTIMES[REFERENCE].title}, the reference, by {found:.2g} of the energy, "
            f"allowed is {allowed:g}"
        )
        raise ModelError(msg)
    return found
