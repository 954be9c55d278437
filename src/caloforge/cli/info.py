"""``caloforge info``: describe a sample, a model or a detector."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.card import ModelCard, Score
    from caloforge.io import ShowerFile


def info(
    subject: Annotated[
        str, typer.Argument(help="A sample (.h5), a model (.onnx or bundled name) or a detector.")
    ],
    draw: Annotated[
        Path | None, typer.Option(help="Draw a detector into this file (.png, .pdf, .svg).")
    ] = None,
) -> None:
    """Describe any sample, model or detector."""
    from caloforge.detector import bundled_detectors, load_detector
    from caloforge.zoo import model_names, model_path

    path = Path(subject)
    is_detector = subject in bundled_detectors() or path.suffix == ".toml"
    if draw is not None and not is_detector:
        msg = f"--draw draws detectors: {subject} is none"
        raise InputError(msg)
    scores: dict[str, Score] = {}
    if is_detector:
        from caloforge.detector_description import detector_rows

        detector = load_detector(subject)
        rows = detector_rows(detector)
        if draw is not None:
            from caloforge.detector_drawing import save_drawing

            save_drawing(detector, draw)
    elif subject in model_names() or path.suffix == ".onnx":
        from caloforge.engine import read_card

        card = read_card(model_path(subject))
        rows = _model_rows(card, model_path(subject))
        scores = card.scores
    else:
        from caloforge.io import open_showers

        with open_showers(path) as file:
            rows = _sample_rows(file)
    table = Table(title=subject, show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)
    if scores:
        Console().print(_score_table(scores))


def _score_table(scores: "dict[str, Score]") -> Table:
    from caloforge.card import with_error

    table = Table(title="scores against Geant4", title_justify="left")
    table.add_column("measure")
    table.add_column("score", justify="right")
    table.add_column("floor (Geant4 against Geant4)", justify="right")
    for name, score in scores.items():
        floor = "" if score.floor is None else f"{score.floor:.3g}"
        table.add_row(name, with_error(score.value, score.error), floor)
    return table


def _model_rows(card: "ModelCard", path: Path) -> dict[str, str]:
    from caloforge.provenance import file_digest
    from caloforge.units import degree

    angles = [angle / degree for angle in card.theta_range_rad]
    rows = {
        "what": f"model, network {card.network}, {card.format}",
        "detector": f"{card.detector.name}, window {card.window} {card.cell_shape}",
        "particle": card.particle,
        "energy": f"{card.energy_range_gev[0]:g}-{card.energy_range_gev[1]:g} GeV",
        "theta": f"{angles[0]:g}-{angles[1]:g} deg",
        "latent": f"{card.latent.dim} {card.latent.distribution}",
        "parameters": f"{card.parameters:,}" if card.parameters else "unknown",
        "file": f"{path.name}, {path.stat().st_size / 1e6:.2f} MB",
    }
    for data in card.training.data:
        rows[f"trained on {data.file}"] = f"{data.showers} showers, {data.digest[:19]}..."
    if card.parent is not None:
        rows["made from"] = f"{card.parent.name}, {card.parent.digest[:19]}..."
    return rows | {"digest": file_digest(path)}


def _sample_rows(file: "ShowerFile") -> dict[str, str]:
    from caloforge.io.gan3d_hdf5 import DETECTOR_ATTRIBUTE
    from caloforge.units import degree

    sums, hits = [], []
    for chunk in file.chunks():
        sums.append(chunk.cells.sum(axis=(1, 2, 3)) / chunk.energy)
        hits.append((chunk.cells > 0).mean(axis=(1, 2, 3)))
    fraction = sum(part.sum() for part in sums) / len(file)
    occupancy = sum(part.sum() for part in hits) / len(file)
    angles = file.theta / degree
    rows = {
        "what": "showers",
        "showers": str(len(file)),
        "cells": f"{file.cell_shape} (window {file.window} of {file.detector.name})",
        "energy": f"{file.energy.min():g}-{file.energy.max():g} GeV",
        "theta": f"{angles.min():.4g}-{angles.max():.4g} deg",
        "sampling fraction": f"{fraction:.3%} (mean of cell sum over Ep)",
        "cells hit": f"{occupancy:.2%}",
        "compression": file.compression,
    }
    known = {k: v for k, v in file.attributes.items() if k != DETECTOR_ATTRIBUTE}
    return rows | {key: str(value) for key, value in known.items()}
