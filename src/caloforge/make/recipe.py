"""The recipe that a training sample suggests: window, halo, symmetry, epochs.

Nothing in it belongs to any one calorimeter; all is measured on showers of the sample.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.config import build
from caloforge.errors import InputError
from caloforge.make.look import Look
from caloforge.make.request import MakeRequest
from caloforge.networks.spec import name_of
from caloforge.showers import Showers
from caloforge.spread import Spread
from caloforge.train.data import TrainingData
from caloforge.train.files import ShowerFiles
from caloforge.train.recipe import DataOptions, Recipe

SYMMETRIES = ("circle", "square", "mirror", "none")
"""Augmentations, the one that makes most of a sample first."""
BATCH_SIZE, SMALL_BATCH, FEW_SHOWERS = 64, 16, 1000
"""Showers in a step, with many and with fewer showers than that: what is left of an epoch's showers
is measured nowhere, and of 200 showers that would be up to 63."""
PASSES = 45
"""Epochs after which the lateral pattern has learned a small sample."""
ENCODER_WIDTH = 24
"""Of what reads the impact points: a wider one learns the showers by heart."""
FEWEST_STEPS, MOST_STEPS = 400, 4000
"""Optimisation steps: fewer leave the pattern unfinished, more teach it nothing."""
FEWEST_EPOCHS = 4
HALO_PRIOR = 10.0
"""Hits from which on a layer's own rate beside the window weighs more than that of all."""
FLOW_EPOCHS, FLOW_SHOWERS = 15, 2000
"""Epochs after which the flow of the layer energies learns so many showers by heart; with more
showers the number grows as their root."""
FEWEST_VALIDATED, MOST_VALIDATED = 64, 512
"""Showers of the training sample that give the validation number, which chooses nothing here: of
a small sample no more than a tenth."""


def choose_recipe(request: MakeRequest, paths: Sequence[Path]) -> tuple[Recipe, list[str]]:
    """The recipe of a request for the samples in these files, and a line for each choice.

    Raises
    ------
    InputError
        if the files do not fit together or hold too few showers.
    """
    files = ShowerFiles(paths)
    look = Look.at(files)
    augment = symmetry_of(files, request.seed)
    recipe = _recipe(request, len(files), look, augment)
    return recipe, [*look.lines(), f"augment {augment}: the symmetry of the images"]


def first_recipe(request: MakeRequest, handful: Showers) -> Recipe:
    """About the recipe that a request will get, from a handful of showers: what it costs."""
    return _recipe(request, request.training, Look.of(handful))


def _recipe(
    request: MakeRequest,
    n: int,
    look: Look,
    augment: str = "none",
) -> Recipe:
    validated = min(max(n // 25, min(FEWEST_VALIDATED, max(n // 10, 2))), MOST_VALIDATED)
    batch_size = SMALL_BATCH if n < FEW_SHOWERS else BATCH_SIZE
    steps = max(1, (n - validated) // batch_size)
    enough = np.clip(PASSES * steps, FEWEST_STEPS, MOST_STEPS)
    epochs = max(round(enough / steps), FEWEST_EPOCHS)
    table: dict[str, Any] = {
        "name": request.name,
        "seed": request.seed,
        "network": {
            "name": "factorised",
            "local_correlations": True,
            "sharing_wraps": False,
            **look.options(),
        },
        "objective": {
            "name": "factorised",
            "empty_layers": "drawn",
            "halo_prior": HALO_PRIOR,
            "smooth_response": True,
            "encoder_width": ENCODER_WIDTH,
            "flow_epochs": min(round(FLOW_EPOCHS * (n / FLOW_SHOWERS) ** 0.5), epochs - 1),
        },
        "data": {"augment": augment, "validation_fraction": round(validated / n, 4)},
        "training": {"epochs": epochs + 1, "batch_size": batch_size, "ema_decay": 0.995},
    }
    table["data"] |= _asked_ranges(request)
    return build(Recipe, table, where="the recipe that make chose")


def _asked_ranges(request: MakeRequest) -> dict[str, list[float]]:
    """The ranges that the model is for: fewer showers train than were asked for, and the held-out
    ones may have the highest energy of all."""
    energy, theta = Spread.parse(request.energy), Spread.parse(request.theta, "theta")
    found = {"energy_gev": [energy.low, energy.high]}
    return found if theta.low == theta.high else found | {"theta_deg": [theta.low, theta.high]}


def symmetry_of(files: ShowerFiles, seed: int) -> str:
    """The largest symmetry of :data:`SYMMETRIES` that the showers of a sample have."""
    for kind in SYMMETRIES[:-1]:
        try:
            options = build(DataOptions, {"augment": kind}, where=kind)
            TrainingData(files, options, batch_size=2, seed=seed)
        except InputError:
            continue
        return kind
    return SYMMETRIES[-1]


def recipe_text(recipe: Recipe, why: Sequence[str]) -> str:
    """A recipe as TOML that ``train`` reads; ``why``: lines that stand before it."""
    table = recipe.model_dump(mode="json", exclude_defaults=True)
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [*(f"# {line}" for line in why), *_entries(plain)]
    for key, value in table.items():
        if isinstance(value, dict):
            network = {"name": name_of(recipe.network)} if key == "network" else {}
            lines += ["", f"[{key}]", *_entries(network | value)]
    return "\n".join(lines) + "\n"


def _entries(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in table.items() if value is not None]
