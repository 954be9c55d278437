"""The best generator of a run folder, and the card that goes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from caloforge.calibration import DEPOSITED
from caloforge.card import Latent, ModelCard, Parent, Score, TrainingFile, TrainingRecord
from caloforge.config import build
from caloforge.detector import Detector
from caloforge.errors import InputError, ModelError
from caloforge.networks.base import Domain, GeneratorNetwork
from caloforge.networks.spec import build_generator
from caloforge.particle import UNKNOWN
from caloforge.provenance import versions
from caloforge.train.checkpoint import BEST, load_state
from caloforge.train.recipe import Recipe


def load_trained(folder: Path) -> tuple[GeneratorNetwork, ModelCard]:
    """The generator of the best epoch in a run folder (evaluation mode), and its card.

    Raises
    ------
    InputError
        if the folder holds no finished epoch.
    ModelError
        if its weights do not fit its recipe.
    """
    path = folder / BEST
    if not path.exists():
        msg = f"{folder} holds no finished epoch of a training (no {path.name})"
        raise InputError(msg)
    state = load_state(path)
    parts = ("description", "progress", "generator")
    if missing := [part for part in parts if part not in state]:
        msg = f"{path} is not the best epoch of a training: it has no {missing[0]}"
        raise ModelError(msg)
    description, progress, weights = (state[part] for part in parts)
    recipe = build(Recipe, description["recipe"], where=str(path), error=ModelError)
    domain = build(Domain, description["domain"], where=str(path), error=ModelError)
    generator = build_generator(recipe.network, domain)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as problem:
        msg = f"{path}: the weights do not fit the recipe's network: {problem}"
        raise ModelError(msg) from None
    score = Score(value=progress["best_score"], **state.get("floor", {}))
    return generator.eval(), _card(recipe, domain, generator, description, progress, score)


def _card(
    recipe: Recipe,
    domain: Domain,
    generator: GeneratorNetwork,
    description: dict[str, Any],
    progress: dict[str, Any],
    score: Score,
) -> ModelCard:
    detector = Detector.model_validate(description["detector"])
    data = tuple(
        TrainingFile(file=name, digest=found["digest"], showers=found["showers"])
        for name, found in description["data"].items()
    )
    return ModelCard(
        name=recipe.name,
        network=str(recipe.network.name),  # type: ignore[attr-defined]
        detector=detector,
        detector_digest=detector.digest,
        window=description["window"],
        particle=description.get("particle", UNKNOWN),
        calibration=description.get("calibration", DEPOSITED),
        energy_range_gev=domain.energy_range_gev,
        theta_range_rad=domain.theta_range_rad,
        latent=Latent(
            dim=generator.latent_dim,
            distribution=generator.latent_distribution,
            impact=generator.impact_latent,
        ),
        takes_phi=generator.takes_phi,
        **generator.runs_best,
        parameters=sum(p.numel() for p in generator.parameters()),
        training=TrainingRecord(
            data=data,
            recipe=recipe.model_dump(mode="json"),
            epochs=progress["best_epoch"],
            minutes=round(progress["seconds"] / 60, 1),
        ),
        scores={"validation_number": score},
        versions=versions(),
        parent=Parent.model_validate(description["start"]) if "start" in description else None,
    )
