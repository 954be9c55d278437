"""What a folder says of itself: the commands that it ran, and a page with the model's scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from caloforge.atomic import replacing
from caloforge.card import Score, with_error
from caloforge.make.steps import MakeStep, Places

COMMANDS, SUMMARY = "commands.sh", "README.md"
TOLD = ("response_bias", "profile_z", "profile_x", "auc_high", "auc_low", "wasserstein")
"""Scores that the page and the last line tell; the report has all."""


def write_commands(folder: Path, steps: Sequence[MakeStep], chosen: Sequence[Path]) -> None:
    """Write commands.sh: every step, in order; ``chosen``: recipes that no command makes."""
    lines = [
        "#!/bin/sh",
        "# What caloforge make ran, from the folder in which it was called; the recipes",
        f"# ({', '.join(path.name for path in chosen)}) are those that it chose.",
        "set -e",
        *(step.line for step in steps),
    ]
    _write(folder / COMMANDS, lines)


def write_summary(
    folder: Path, title: str, notes: Sequence[str], places: Places, scores: dict[str, Score]
) -> None:
    """Write README.md: what the model is, its scores on the held-out showers, what lies where."""
    lines = [
        f"# {title}",
        "",
        *(f"- {note}" for note in notes),
        "",
        f"On the held-out showers ([report]({places.report.name}/report.html)):",
        "",
        "| score | model | floor |",
        "| --- | --- | --- |",
        *(
            f"| {name} | {with_error(score.value, score.error)} | {_floor(score)} |"
            for name, score in scores.items()
        ),
        "",
        "| file | what |",
        "| --- | --- |",
        f"| `{places.model.name}` | the model, its scores in its card |",
        "| `held_out.h5` | showers that no training has seen |",
        f"| `{COMMANDS}` | the commands that made all this |",
        "| `make.json` | what was asked, and each step with the digests of what it read |",
    ]
    _write(folder / SUMMARY, lines)


def told(scores: dict[str, Score]) -> str:
    """The scores that matter most, in a line, each with its floor in brackets."""
    return ", ".join(
        f"{name} {with_error(scores[name].value, scores[name].error)} ({_floor(scores[name])})"
        for name in TOLD
        if name in scores
    )


def _floor(score: Score) -> str:
    return "" if score.floor is None else f"{score.floor:.3g}"


def _write(path: Path, lines: Sequence[str]) -> None:
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n")
