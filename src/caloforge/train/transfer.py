"""Transfer learning: a training that starts from the weights of another.

Weights go by name, and within a weight by the meaning of its rows and columns
(:mod:`caloforge.networks.meaning`): a feature of the condition, a knot, a layer.  What is new has
no effect at first; what cannot be mapped starts fresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from caloforge.card import METADATA_KEY, ModelCard, Parent
from caloforge.config import build
from caloforge.errors import ModelError
from caloforge.networks.base import Domain
from caloforge.networks.factorised.tables import TABLES_KEY, weights_of
from caloforge.networks.meaning import Change, axes_of, change
from caloforge.networks.objective import Objective, TrainingPlan
from caloforge.networks.spec import build_objective, name_of
from caloforge.provenance import file_digest
from caloforge.train.checkpoint import BEST, CHECKPOINT, load_state
from caloforge.train.mapping import constant, mapped
from caloforge.train.recipe import Recipe
from caloforge.zoo import model_names, model_path

State = dict[str, Tensor]


@dataclass(frozen=True)
class Start:
    """Where a training starts: weights of the objective's modules ("generator", ...), and the
    recipe and domain that say what they mean (no recipe: where the file does not tell)."""

    parent: Parent
    network: str
    parts: dict[str, State]
    recipe: Recipe | None
    domain: Domain


def read_start(path: Path) -> Start:
    """The weights of a run folder, or those that a model file (or a bundled model) still holds.

    Raises
    ------
    ModelError
        if the path is neither, or a quantized model.
    InputError
        if a file of the run folder is damaged.
    """
    if (path / BEST).is_file():
        return _from_run(path)
    return _from_model(model_path(path) if str(path) in model_names() else path)


def _from_run(folder: Path) -> Start:
    best = load_state(folder / BEST)
    where, description = str(folder / BEST), best["description"]
    recipe = build(Recipe, description["recipe"], where=where, error=ModelError)
    domain = build(Domain, description["domain"], where=where, error=ModelError)
    parts: dict[str, State] = {}
    if (folder / CHECKPOINT).is_file():
        parts |= load_state(folder / CHECKPOINT)["objective"]
    parts["generator"] = best["generator"]
    parent = Parent(name=recipe.name, digest=file_digest(folder / BEST), how={"verb": "train"})
    return Start(parent, name_of(recipe.network), parts, recipe, domain)


def _from_model(path: Path) -> Start:
    import onnx
    from onnx import numpy_helper

    if not path.is_file():
        msg = (
            f"{path} is no run folder with a finished epoch, no model file and no bundled model: "
            f"{', '.join(model_names())}"
        )
        raise ModelError(msg)
    try:
        model = onnx.load(str(path))
    except Exception as problem:
        msg = f"{path} is no ONNX file: {problem}"
        raise ModelError(msg) from None
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY not in metadata:
        msg = f"{path} has no model card: not a caloforge model"
        raise ModelError(msg)
    card = ModelCard.from_json(metadata[METADATA_KEY], where=str(path))
    if card.format != "float32":
        msg = f"{path} is {card.format}: a training starts from a float32 model or a run folder"
        raise ModelError(msg)
    held = {entry.name: numpy_helper.to_array(entry).copy() for entry in model.graph.initializer}
    found = held | weights_of(metadata.get(TABLES_KEY, ""), held)
    weights = {name: torch.from_numpy(values) for name, values in found.items()}
    parent = Parent(name=card.name, digest=file_digest(path), how={"verb": "train"})
    return Start(parent, card.network, {"generator": weights}, _recipe_of(card), _domain_of(card))


def _recipe_of(card: ModelCard) -> Recipe | None:
    try:
        return Recipe.model_validate(card.training.recipe)
    except ValidationError:
        return None


def _domain_of(card: ModelCard) -> Domain:
    return Domain.of(card.detector, card.window, card.energy_range_gev, card.theta_range_rad)


def start_from(start: Start, objective: Objective, recipe: Recipe, domain: Domain) -> float:
    """Put the weights of a start into a new objective; the share of the generator's that fitted.

    Raises
    ------
    ModelError
        if the network is another one, or no weight fits.
    """
    network = name_of(recipe.network)
    if start.network != network:
        msg = f"{start.parent.name} is a {start.network}: a {network} cannot start from it"
        raise ModelError(msg)
    modules = objective.trained_modules()
    known = None if start.recipe is None else _rebuilt(start.recipe, start.domain)
    meaning = None
    if known is not None and start.domain != domain:
        meaning = change(known["generator"], start.domain, modules["generator"], domain)  # type: ignore[arg-type]
    shares = {
        name: take(module, start.parts[name], None if known is None else known[name], meaning)
        for name, module in modules.items()
        if name in start.parts
    }
    if not shares["generator"]:
        msg = f"no weight of {start.parent.name} fits this {network}"
        raise ModelError(msg)
    objective.restart_average()
    return shares["generator"]


def _rebuilt(recipe: Recipe, domain: Domain) -> dict[str, nn.Module]:
    """The modules of a start, for what their places mean; their weights are random."""
    with torch.random.fork_rng(devices=[]):
        plan = TrainingPlan(domain, recipe.trained_epochs, 1, recipe.training.batch_size)
        return build_objective(recipe.network, recipe.objective, plan).trained_modules()


@torch.no_grad()
def take(
    module: nn.Module, state: State, old: nn.Module | None = None, meaning: Change | None = None
) -> float:
    """Put what fits of the state of ``old`` into a module; the share of its weights found there."""
    weights = dict(module.named_parameters())
    new_axes = axes_of(module)
    old_axes = new_axes if old is None else axes_of(old)
    meaning = meaning or Change({}, torch.zeros(0))
    offsets: State = {}
    taken = 0
    for name, mine in module.state_dict().items():
        theirs = state.get(name)
        if theirs is None or theirs.dim() != mine.dim() or theirs.dtype != mine.dtype:
            continue
        axes = (old_axes.get(name, {}), new_axes.get(name, {}))
        moved = mapped(theirs, mine, axes, meaning)
        if moved is None:
            continue
        mine.copy_(moved)
        offset = constant(theirs, axes[0], meaning)
        if offset is not None:
            offsets[name.removesuffix("weight") + "bias"] = offset
        taken += min(theirs.numel(), mine.numel()) if name in weights else 0
    for name, offset in offsets.items():
        module.get_parameter(name).add_(offset)
    return taken / max(1, sum(weight.numel() for weight in weights.values()))


def described(start: Start) -> dict[str, Any]:
    """The start as a run folder's description has it."""
    return start.parent.model_dump(mode="json")
