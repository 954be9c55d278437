"""``caloforge info``: describe a sample, a model or a detector."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.card import ModelCard, Score
    from caloforge.detector import Detector


def info(
    subject: Annotated[
        str | None,
        typer.Argument(help="A sample (.h5), a model (.onnx or bundled name) or a detector."),
    ] = None,
    draw: Annotated[
        Path | None, typer.Option(help="Draw a detector into this file (.png, .pdf, .svg).")
    ] = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
    layouts: Annotated[
        bool, typer.Option("--layouts", help="List the layouts of samples.")
    ] = False,
) -> None:
    """Describe any sample, model or detector."""
    if layouts:
        from caloforge.cli.sample_rows import layout_rows

        _show("layouts of samples", layout_rows())
        return
    if subject is None:
        msg = "what is to be described is missing: a sample, a model or a detector"
        raise InputError(msg)
    _describe(subject, draw, Reading(detector, layout, where))


def _describe(subject: str, draw: Path | None, reading: Reading) -> None:
    from caloforge.detector import bundled_detectors, load_detector
    from caloforge.zoo import model_names, model_path

    path = Path(subject)
    is_detector = subject in bundled_detectors() or path.suffix == ".toml"
    if draw is not None and not is_detector:
        msg = f"--draw draws detectors: {subject} is none"
        raise InputError(msg)
    scores: dict[str, Score] = {}
    if is_detector:
        rows = _detector_rows(load_detector(subject), draw)
    elif subject in model_names() or path.suffix == ".onnx":
        from caloforge.engine import read_card

        card = read_card(model_path(subject))
        rows = _model_rows(card, model_path(subject))
        scores = card.scores
    else:
        from caloforge.cli.sample_rows import sample_rows

        with reading.open(path) as file:
            rows = sample_rows(file)
    _show(subject, rows)
    reading.print_map()
    if scores:
        Console().print(_score_table(scores))


def _detector_rows(detector: "Detector", draw: Path | None) -> dict[str, str]:
    """What is said of a detector, and drawn where that is asked for."""
    from importlib.util import find_spec

    from caloforge.detector_description import detector_rows

    scan = None
    if detector.gdml is not None and find_spec("geant4_pybind") is not None:
        from caloforge.simulate.scan import scan_material

        scan = scan_material(detector)
    if draw is not None:
        from caloforge.detector_drawing import draw_detector, save_drawing
        from caloforge.scan_drawing import draw_scan

        figure = draw_detector(detector) if scan is None else draw_scan(detector, scan)
        save_drawing(figure, draw)
    return detector_rows(detector, scan)


def _printable(text: str) -> str:
    """A text as a terminal takes it: attributes may hold bytes of no encoding."""
    return escape(text.encode(errors="replace").decode())


def _show(title: str, rows: dict[str, str]) -> None:
    table = Table(title=escape(title), show_header=False, title_justify="left")
    for name, value in rows.items():
        table.add_row(_printable(name), _printable(value))
    Console().print(table)


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
    import numpy as np

    from caloforge.provenance import file_digest
    from caloforge.units import degree

    angles = [angle / degree for angle in card.theta_range_rad]
    rows = {
        "what": f"model, network {card.network}, {card.format}",
        "detector": f"{card.detector.name}, window {card.window} {card.cell_shape}",
        "particle": card.particle,
        "energy": f"{card.energy_range_gev[0]:g}-{card.energy_range_gev[1]:g} GeV",
        "theta": f"{angles[0]:g}-{angles[1]:g} deg",
        "phi": "any" if card.takes_phi else "90 deg, or by symmetry 0, 180 and 270",
        "latent": f"{card.latent.dim} {card.latent.distribution}",
        "impact in the pad": "drawn" if card.impact_latent is None else "drawn, or given",
        "parameters": f"{card.parameters:,}" if card.parameters else "unknown",
        "file": f"{path.name}, {path.stat().st_size / 1e6:.2f} MB",
    }
    if card.detector.readout != "pads" or not card.inclined:
        del rows["phi"]  # it means nothing
    if card.response is not None:
        ends = card.response(np.array(card.energy_range_gev), sum(card.theta_range_rad) / 2)
        of = "the lowest to the highest energy, at the middle angle"
        rows["response"] = f"{ends[0]:.4g}-{ends[1]:.4g} of Ep in the cells, from {of}"
    placement = card.placement
    rows["image"] = f"{', '.join(placement.axes)}; its middle is the {placement.centred_on}"
    for data in card.training.data:
        rows[f"trained on {data.file}"] = f"{data.showers} showers, {data.digest[:19]}..."
    if card.parent is not None:
        rows["made from"] = f"{card.parent.name}, {card.parent.digest[:19]}..."
    return rows | {"digest": file_digest(path)}
