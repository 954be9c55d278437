"""What ``caloforge info`` says of a detector.

X0 is the radiation length, lambda the nuclear interaction length (:mod:`caloforge.radiation`).
"""

from caloforge.detector import Detector
from caloforge.detector_drawing import layer_bar
from caloforge.gdml import GdmlGeometry, listed
from caloforge.layer import Layer
from caloforge.material import Material
from caloforge.material_scan import MaterialScan
from caloforge.radiation import budget_of, detector_budget, layer_budget

TOUCHED_MM = 1e-6
"""Less of what is sensitive in a layer of the mesh is the edge of its neighbour's."""


def detector_rows(detector: Detector, scan: MaterialScan | None = None) -> dict[str, str]:
    """The rows of a detector's description, by their names; ``scan`` is that of a GDML file."""
    rows = {
        "what": "detector" if detector.can_be_simulated else "read-out without material",
        "title": detector.title,
        "layers": f"{detector.n_layers}, {_depth(detector)}",
        "read-out": _readout(detector),
    }
    if detector.gdml is not None:
        rows |= _gdml_rows(detector.gdml)
    if scan is not None:
        rows |= _scan_rows(detector, scan)
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


def _gdml_rows(gdml: GdmlGeometry) -> dict[str, str]:
    volumes = gdml.content.volumes
    read_out = [f"{v} ({m})" for v, m in volumes.items() if gdml.is_sensitive(v, m)]
    point, z, y = (
        f"({', '.join(f'{part:.4g}' for part in vector)})"
        for vector in (gdml.face.point_mm, gdml.face.axes[2], gdml.face.axes[1])
    )
    return {
        "GDML file": f"{gdml.file}, {len(volumes)} logical volumes, {(gdml.digest or '')[:19]}...",
        "sensitive": listed(read_out),
        "face": f"at {point} mm, z along {z}, y along {y}",
    }


def _scan_rows(detector: Detector, scan: MaterialScan) -> dict[str, str]:
    sensitive = scan.sensitive_mm(detector.layer_edges_mm)
    empty = [detector.layer_numbers[n] for n in (sensitive < TOUCHED_MM).nonzero()[0]]
    rows = {
        "on the axis": (
            f"{scan.radiation_lengths:.4g} X0, {scan.interaction_lengths:.3g} lambda, "
            f"{sensitive.sum():.4g} mm of it sensitive"
        )
    }
    if empty:
        rows["note"] = f"nothing sensitive on the axis in layers {listed([str(n) for n in empty])}"
    return rows


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
    elif layer.pitch_mm is not None:
        lines = [f"each {layer.pitch_mm:g} mm"]
    if layer.ring_edges_mm is not None:
        edges = ", ".join(f"{edge:g}" for edge in layer.ring_edges_mm)
        lines.append(f"sectors: {layer.sectors}; edges of the rings in mm: {edges}")
    return "\n".join(lines)
