"""What ``caloforge info`` says of a detector.

X0 is the radiation length, lambda the nuclear interaction length (:mod:`caloforge.radiation`).
"""

from caloforge.detector import Detector
from caloforge.detector_drawing import layer_bar
from caloforge.layer import Layer
from caloforge.material import Material
from caloforge.radiation import budget_of, detector_budget, layer_budget


def detector_rows(detector: Detector) -> dict[str, str]:
    """The rows of a detector's description, by their names."""
    rows = {
        "what": "detector" if detector.has_material else "read-out without material",
        "title": detector.title,
        "layers": f"{detector.n_layers}, {_depth(detector)}",
        "read-out": _readout(detector),
    }
    first = 0
    for layer in detector.layers:
        name = _names(detector.layer_numbers[first : first + layer.count])
        rows[name] = _layer(layer, detector)
        first += layer.count
    for name, material in detector.materials.items():
        rows[f"material {name}"] = _material(material)
    for name, window in detector.windows.items():
        low, high = window.theta_deg
        cells = f"{detector.cell_shape(name)} cells"
        if detector.layers_differ:
            cells += f", {len(detector.geometry(name).voxels)} of them present"
        rows[f"window {name}"] = f"{cells}, theta {low:g}-{high:g} deg"
    return rows | {"digest": detector.digest}


def _names(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"layer {numbers[0]}"
    return f"layers {numbers[0]}-{numbers[-1]}"


def _depth(detector: Detector) -> str:
    if not detector.has_material:
        return f"{detector.depth_mm:g} mm deep" if detector.depth_mm else "of unknown depth"
    return f"{detector.depth_mm:g} mm deep: on average {detector_budget(detector)}"


def _readout(detector: Detector) -> str:
    pad_x, pad_y = detector.pad_mm
    if detector.readout == "pads":
        return f"pads of {pad_x:g} x {pad_y:g} mm"
    if detector.layers_differ:
        return f"cylinder, rings and sectors by layer, the narrowest {pad_x:g} mm"
    return f"cylinder, rings of {pad_x:g} mm"


def _material(material: Material) -> str:
    budget = budget_of(material)
    return (
        f"{budget.density_g_cm3:.4g} g/cm3, X0 {budget.radiation_length_mm:.4g} mm, "
        f"lambda {budget.interaction_length_mm:.4g} mm"
    )


def _layer(layer: Layer, detector: Detector) -> str:
    lines = []
    if layer.stack:
        bar, letters = layer_bar(layer)
        slabs = (f"{letters[s.material]} {s.material} {s.thickness_mm:g}" for s in layer.stack)
        budget = layer_budget(layer, detector.materials)
        lines = [f"each {layer.thickness_mm:g} mm, {budget}", bar, ", ".join(slabs)]
    if layer.ring_edges_mm is not None:
        edges = ", ".join(f"{edge:g}" for edge in layer.ring_edges_mm)
        lines.append(f"sectors: {layer.sectors}; edges of the rings in mm: {edges}")
    return "\n".join(lines)
