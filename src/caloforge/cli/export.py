"""``caloforge export``: a generator as one ONNX file, or as what a host framework loads."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.options import MODEL_ENDING, check_output, stderr
from caloforge.errors import InputError, MissingExtraError, ModelError
from caloforge.hosts import HostName
from caloforge.zoo import model_names, model_path

if TYPE_CHECKING:
    from caloforge.card import ModelCard


def export(
    run: Annotated[
        str,
        typer.Argument(
            help="The run folder that train wrote; a model file, or the name of a bundled model: "
            "with --for, or to bring its card up to date.",
            metavar="MODEL",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; with --for a folder.")
    ],
    host: Annotated[
        HostName | None,
        typer.Option("--for", help="Write what this framework loads with no change to it."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name in the card; the recipe's.")] = None,
    scores: Annotated[
        Path | None,
        typer.Option(exists=True, help="metrics.json of a validation, for the card's scores."),
    ] = None,
) -> None:
    """Export a model: a training's best as ONNX with its card, or a graph for a host framework.

    A model file is written again with the newest form of its card, and name or scores if given.
    """
    is_run = run not in model_names() and Path(run).is_dir()
    if host is not None and not is_run and (name is not None or scores is not None):
        msg = "--name and --scores go into a card, which a host's graph does not have"
        raise InputError(msg)
    if host is None:
        check_output(output, MODEL_ENDING)
        if not is_run:
            _renew(_model_file(run), output, name, scores)
            return
        with stderr.status(f"exporting {run}"):
            card = _export_run(Path(run), output, name, scores)
            measure_response(output)
        stderr.print(
            f"{output}: {card.network}, {card.parameters:,} parameters, "
            f"{card.energy_range_gev[0]:g}-{card.energy_range_gev[1]:g} GeV"
        )
    elif is_run:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{Path(run).resolve().name}{MODEL_ENDING}"
            _export_run(Path(run), path, name, scores)
            _export_for(host, path, output)
    else:
        _export_for(host, _model_file(run), output)


def _renew(model: Path, output: Path, name: str | None, scores: Path | None) -> None:
    from caloforge.card import read_scores
    from caloforge.renew import renew

    card = renew(model, output, name=name, scores=None if scores is None else read_scores(scores))
    stderr.print(f"{output}: {card.name}, its card of version {card.schema_version}")
    if card.lacks_phi:
        _add_phi(output)


def _add_phi(path: Path) -> None:
    """Give the file a graph that takes phi, where it can be made here."""
    from caloforge._extras import EXPORTING, check_installed

    try:
        check_installed(*EXPORTING)
    except MissingExtraError as missing:
        stderr.print(f"note: its graph takes no phi: {missing}", soft_wrap=True)
        return
    from caloforge.add_phi import add_phi

    with stderr.status(f"writing a graph that takes phi into {path}"):
        add_phi(path)
    stderr.print(f"{path}: its graph takes phi")


def _export_for(host: str, model: Path, folder: Path) -> None:
    from caloforge._extras import require

    require("onnx")
    from caloforge.hosts.folder import export_for_host

    with stderr.status(f"measuring the response of {model.stem}"):
        path = export_for_host(host, model, folder)
    stderr.print(f"{path}: for {host}; {folder / 'README.md'} says how it is run")


def measure_response(path: Path) -> None:
    """Into a new model's card; one of empty showers has none."""
    from caloforge.renew import note_response

    with stderr.status(f"measuring the response of {path.stem}"):
        try:
            note_response(path)
        except ModelError as problem:
            stderr.print(f"note: no response in the card: {problem}", soft_wrap=True)


def _model_file(model: str) -> Path:
    try:
        return model_path(model)
    except ModelError as problem:
        msg = f"{problem}; a run folder may be given as well"
        raise ModelError(msg) from None


def _export_run(run: Path, path: Path, name: str | None, scores: Path | None) -> ModelCard:
    """Write the best generator of a run to a model file; its card."""
    from caloforge._extras import EXPORTING, check_installed

    check_installed(*EXPORTING)
    from caloforge.card import read_scores
    from caloforge.export import export_generator
    from caloforge.train.trained import load_trained

    generator, card = load_trained(run)
    if name is not None:
        card = card.model_copy(update={"name": name})
    if scores is not None:
        card = card.model_copy(update={"scores": read_scores(scores)})
    export_generator(generator, card, path)
    return card
