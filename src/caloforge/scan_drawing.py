"""Drawing of a GDML file under its mesh: what lines into the calorimeter cross."""

from typing import TYPE_CHECKING

import numpy as np

from caloforge.detector import Detector
from caloforge.detector_drawing import COLOURS, SENSITIVE_COLOUR, add_legend, draw_front
from caloforge.material_scan import MaterialScan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 8
"""Materials in the legend, the commonest first; others are as grey as what is between them."""
OTHER_COLOUR = "#eeeeee"


def draw_scan(detector: Detector, scan: MaterialScan) -> "Figure":
    """A figure with the side view in the plane x = 0, the mesh's layers in it, and its cells."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.4), layout="constrained")
    side, front = figure.subplots(1, 2, width_ratios=[2.2, 1])
    colours = scan_colours(scan)
    _draw_side(side, scan, colours)
    edges = detector.layer_edges_mm
    side.vlines(edges, *side.get_ylim(), color="k", linewidth=0.3)
    side.set(xlim=(-0.18 * edges[-1], edges[-1]), xlabel="z [mm]", ylabel="y [mm]")
    side.set(title="side view at x = 0 of the face, layers of the mesh")
    side.annotate(
        "beam", (0, 0), (-0.16 * edges[-1], 0), va="center", arrowprops={"arrowstyle": "->"}
    )
    draw_front(front, detector)
    add_legend(figure, colours, columns=5)
    return figure


def scan_colours(scan: MaterialScan) -> dict[str, str]:
    """A colour for each of the commonest materials; what is read out is red, and named first."""
    lengths: dict[tuple[bool, str], float] = {}
    for crossing in (each for line in scan.lines for each in line):
        key = not crossing.sensitive, crossing.material
        lengths[key] = lengths.get(key, 0.0) + crossing.length_mm
    sensitive = {_label(name, True): SENSITIVE_COLOUR for passive, name in lengths if not passive}
    passive = sorted((name for rest, name in lengths if rest), key=lambda m: -lengths[True, m])
    named = passive[: min(MOST_NAMED, len(COLOURS))]
    return sensitive | {_label(m, False): c for m, c in zip(named, COLOURS, strict=False)}


def _label(material: str, sensitive: bool) -> str:
    return f"{material}, sensitive" if sensitive else material


def _draw_side(axes: "Axes", scan: MaterialScan, colours: dict[str, str]) -> None:
    y = np.array(scan.y_mm)
    height = float(np.diff(y).min())
    for label, colour in (("", OTHER_COLOUR), *colours.items()):
        for place, line in zip(y, scan.lines, strict=True):
            pieces = [
                (each.start_mm, each.length_mm)
                for each in line
                if _label(each.material, each.sensitive) == label
                or (not label and _label(each.material, each.sensitive) not in colours)
            ]
            if pieces:
                axes.broken_barh(pieces, (place - height / 2, height), color=colour, linewidth=0)
    axes.set_ylim(y[0] - height / 2, y[-1] + height / 2)
