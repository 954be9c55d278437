"""What a search found: all trials as JSON, the best recipe, and validation number against speed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel

from caloforge.atomic import replacing
from caloforge.figures import save_figure
from caloforge.search.space import RecipeSpace


class FinishedTrial(BaseModel):
    """A trained trial: milliseconds a shower, validation number and the values of its keys."""

    number: int
    ms: float
    score: float
    values: dict[str, Any]


def trained(study: Study) -> list[FinishedTrial]:
    """The trials that were trained to their end."""
    return [
        FinishedTrial(number=t.number, ms=t.user_attrs["ms"], score=t.value or 0.0, values=t.params)
        for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    ]


def pareto_front(found: list[FinishedTrial]) -> list[FinishedTrial]:
    """Those than which no other is both faster and better, from fast to slow.

    >>> trials = [(1.0, 0.5), (2.0, 0.3), (3.0, 0.4)]
    >>> found = [
    ...     FinishedTrial(number=i, ms=t, score=s, values={}) for i, (t, s) in enumerate(trials)
    ... ]
    >>> [trial.number for trial in pareto_front(found)]
    [0, 1]
    """
    front: list[FinishedTrial] = []
    for trial in sorted(found, key=lambda t: (t.ms, t.score)):
        if not front or trial.score < front[-1].score:
            front.append(trial)
    return front


def write_results(study: Study, space: RecipeSpace, folder: Path) -> list[FinishedTrial]:
    """Write ``search.json``, ``best.toml`` and ``front.png``; returns the Pareto front."""
    found = trained(study)
    front = pareto_front(found)
    everything = [_row(trial) for trial in study.get_trials(deepcopy=False)]
    with replacing(folder / "search.json") as partial:
        content = {"trials": everything, "front": [trial.number for trial in front]}
        partial.write_text(json.dumps(content, indent=2) + "\n")
    if front:
        with replacing(folder / "best.toml") as partial:
            partial.write_text(to_toml(space.table(front[-1].values)))
        _plot(found, front, space, folder / "front.png")
    return front


def to_toml(table: dict[str, Any], place: str = "") -> str:
    """Nested tables of numbers, strings, booleans and lists of them as TOML.

    >>> print(to_toml({"name": "a", "net": {"size": 2, "deep": {"log": True}}}), end="")
    name = "a"
    <BLANKLINE>
    [net]
    size = 2
    <BLANKLINE>
    [net.deep]
    log = true
    """
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"\n[{place}]\n"] if place and plain else []
    lines += [f"{key} = {json.dumps(value)}\n" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines.append(to_toml(value, f"{place}.{key}" if place else key))
    return "".join(lines)


def _row(trial: FrozenTrial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "values": trial.params,
        "score": trial.value,
        **trial.user_attrs,
    }


def _plot(
    found: list[FinishedTrial], front: list[FinishedTrial], space: RecipeSpace, path: Path
) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([t.ms for t in found], [t.score for t in found], "o", alpha=0.4, label="trials")
    axes.plot([t.ms for t in front], [t.score for t in front], "o-", label="Pareto front")
    if space.search.budget_ms is not None:
        axes.axvline(space.search.budget_ms, color="grey", linestyle="--", label="budget")
    axes.set(
        xlabel="ms a shower (torch, one core)", ylabel="validation number (0 is perfect)",
        yscale="log", title=space.recipe.name,
    )  # fmt: skip
    axes.legend()
    save_figure(figure, path)
