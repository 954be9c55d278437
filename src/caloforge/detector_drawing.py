"""Drawings of a calorimeter: the whole stack, and what one layer is made of."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from caloforge.detector import Detector, Layer
from caloforge.figures import check_figure_path, save_figure
from caloforge.typing import Float64Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

COLOURS = ("#5b6770", "#c9d6df", "#8a6d3b", "#3f7f5f", "#b08fc7", "#d9a441")
SENSITIVE_COLOUR = "#d1495b"

BAR_WIDTH = 44
"""Characters of a text drawing's bars."""


def material_colours(detector: Detector) -> dict[str, str]:
    """A colour for each material in use; what is read out is red."""
    slabs = [slab for layer in detector.layers for slab in layer.stack]
    passive = dict.fromkeys(slab.material for slab in slabs if not slab.sensitive)
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(passive)}
    return colours | {slab.material: SENSITIVE_COLOUR for slab in slabs if slab.sensitive}


def draw_detector(detector: Detector) -> "Figure":
    """A figure with the side view, one layer of each kind, and the cells of the first window.

    Of a read-out without material: the cells of each layer.
    """
    from matplotlib.figure import Figure

    if not detector.has_material:
        return _draw_readout(detector)
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    side, layer, front = figure.subplots(1, 3, width_ratios=[2.2, 1.4, 1])
    colours = material_colours(detector)
    _draw_stack(side, detector, colours)
    _draw_layers(layer, detector, colours)
    draw_front(front, detector)
    add_legend(figure, colours, columns=6)
    return figure


def draw_front(axes: "Axes", detector: Detector) -> None:
    """Draw the cells of the first window, of the layer that has the finest, and the title."""
    finest = max(detector.layers, key=lambda layer: len(layer.ring_edges_mm or ()))
    draw_cells(axes, detector, finest)
    axes.set(title=f"window '{next(iter(detector.windows))}'")
    axes.figure.suptitle(detector.title)


def add_legend(figure: "Figure", colours: dict[str, str], *, columns: int) -> None:
    """Say under a figure which colour is which material."""
    handles = [_patch(colour, name) for name, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def save_drawing(figure: "Figure", path: Path) -> None:
    """Write a drawing into a file.

    Raises
    ------
    OutputError
        if the file's ending names no figure format, or it cannot be written.
    """
    check_figure_path(path)
    save_figure(figure, path, dpi=130)


def layer_bar(layer: Layer, width: int = BAR_WIDTH) -> tuple[str, dict[str, str]]:
    """One layer as text to scale, a letter for each material, small where read out.

    Returns the bar and the letter of each material.

    >>> from caloforge.detector import load_detector
    >>> layer_bar(load_detector("par04_siw").layers[0], 34)
    ('AAAAAAAAAAAAAAbbbAAAAAAAAAAAAAAbbb', {'Tungsten': 'A', 'Silicon': 'b'})
    """
    letters: dict[str, str] = {}
    ends = np.cumsum([slab.thickness_mm for slab in layer.stack]) / layer.thickness_mm * width
    bar = ""
    for slab, end in zip(layer.stack, np.round(ends).astype(int), strict=True):
        next_letter = chr(ord("a" if slab.sensitive else "A") + len(letters))
        bar += letters.setdefault(slab.material, next_letter) * (int(end) - len(bar))
    return bar, letters


def _draw_stack(axes: "Axes", detector: Detector, colours: dict[str, str]) -> None:
    height = _half_width(detector)
    front = 0.0
    for layer in detector.layers:
        for _ in range(layer.count):
            for slab in layer.stack:
                axes.axvspan(
                    front, front + slab.thickness_mm, color=colours[slab.material], linewidth=0
                )
                front += slab.thickness_mm
    axes.annotate("beam", (0, 0), (-0.16 * front, 0), va="center", arrowprops={"arrowstyle": "->"})
    axes.set(xlim=(-0.18 * front, front), ylim=(-height, height))
    axes.set(xlabel="z [mm]", ylabel=_transverse_label(detector), title="side view")


def _draw_layers(axes: "Axes", detector: Detector, colours: dict[str, str]) -> None:
    for row, layer in enumerate(detector.layers):
        front = 0.0
        for slab in layer.stack:
            axes.barh(
                row, slab.thickness_mm, 0.7, left=front, color=colours[slab.material],
                edgecolor="white", linewidth=0.4,
            )  # fmt: skip
            front += slab.thickness_mm
    axes.set_yticks(range(len(detector.layers)), [f"{layer.count} x" for layer in detector.layers])
    axes.invert_yaxis()
    axes.set(xlabel="mm", title="one layer")


def _draw_readout(detector: Detector) -> "Figure":
    """The cells of each layer of a read-out without material."""
    from matplotlib.figure import Figure

    layers = detector.layers if detector.layers_differ else detector.layers[:1]
    figure = Figure(figsize=(2 + 2.5 * len(layers), 3.5), layout="constrained")
    panels = figure.subplots(1, len(layers), squeeze=False)[0]
    for number, axes, layer in zip(detector.layer_numbers, panels, layers, strict=False):
        draw_cells(axes, detector, layer)
        axes.set(title=f"layer {number}")
    figure.suptitle(detector.title)
    return figure


def draw_cells(axes: "Axes", detector: Detector, layer: Layer) -> None:
    """Draw the cells of a layer, across the beam."""
    n_x, n_y = next(iter(detector.windows.values())).shape
    if detector.readout == "cylinder":
        edges = layer.edges_mm(np.arange(n_x + 1) * detector.pad_mm[0])
        _draw_rings(axes, edges, layer.sectors or n_y)
    else:
        _draw_pads(axes, (n_x, n_y), detector.pad_mm)


def _draw_rings(axes: "Axes", edges_mm: Float64Array, sectors: int) -> None:
    from matplotlib.patches import Circle

    for edge in edges_mm:
        axes.add_patch(Circle((0, 0), edge, fill=False, linewidth=0.5))
    for phi in np.arange(sectors if sectors > 1 else 0) * 2 * np.pi / sectors:
        ends = edges_mm[[0, -1]]
        axes.plot(ends * np.cos(phi), ends * np.sin(phi), "k", linewidth=0.5)
    half = 1.05 * edges_mm[-1]
    axes.set(aspect="equal", xlim=(-half, half), ylim=(-half, half))
    axes.set(xlabel="x [mm]", ylabel="y [mm]")


def _draw_pads(axes: "Axes", shape: tuple[int, int], pad_mm: tuple[float, float]) -> None:
    (half_x, half_y), (pad_x, pad_y) = np.array(shape) * pad_mm / 2, pad_mm
    for edge in np.arange(shape[0] + 1) * pad_x - half_x:
        axes.plot([edge, edge], [-half_y, half_y], "k", linewidth=0.4)
    for edge in np.arange(shape[1] + 1) * pad_y - half_y:
        axes.plot([-half_x, half_x], [edge, edge], "k", linewidth=0.4)
    axes.set(aspect="equal", xlabel="x [mm]", ylabel="y [mm]")


def _half_width(detector: Detector) -> float:
    name, window = next(iter(detector.windows.items()))
    if detector.readout == "cylinder":
        return detector.radius_mm(name)
    return max(n * pad for n, pad in zip(window.shape, detector.pad_mm, strict=True)) / 2


def _transverse_label(detector: Detector) -> str:
    return "r [mm]" if detector.readout == "cylinder" else "y [mm]"


def _patch(colour: str, label: str) -> "Patch":
    from matplotlib.patches import Patch

    return Patch(color=colour, label=label)
