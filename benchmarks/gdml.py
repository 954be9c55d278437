"""Write a detector of flat layers as a GDML file, with the TOML that lays its mesh over it.

    python benchmarks/gdml.py clic_ecal -o clic_ecal_gdml

writes ``clic_ecal_gdml.gdml`` and ``.toml``. Showers of both are to be the same (docs/simulate.md).
With ``--pads`` the sensitive sheets are cut into pads, whose borders Geant4's steps end at.
"""

import argparse
from pathlib import Path

from caloforge.detector import Detector, Layer, load_detector
from caloforge.radiation import elements

MARGIN_MM = 10.0
SENSITIVE = "sensitive"


def gdml_text(
    detector: Detector,
    half_mm: float,
    position_mm: tuple[float, float, float] | None = None,
    tilt_deg: float = 0.0,
    pads: int = 0,
) -> str:
    """The GDML of a detector's slabs, 2 half_mm wide, in a calorimeter volume in vacuum.

    The calorimeter's middle is at ``position_mm``; by default its front is at z = 0. It is turned
    about x, so that z along its depth comes to (0, sin tilt, cos tilt). Sensitive sheets are cut
    into so many ``pads`` along x and y, if any.
    """
    position = position_mm or (0.0, 0.0, detector.depth_mm / 2)
    world = 2 * (half_mm + detector.depth_mm + max(map(abs, position)) + MARGIN_MM)
    solids = [_box("world", world, world), _box("calorimeter", 2 * half_mm, detector.depth_mm)]
    volumes, layers = [], []
    front, number = -detector.depth_mm / 2, 0
    for kind, layer in enumerate(detector.layers):
        found = _layer(detector, layer, kind, half_mm, pads)
        solids += found[0]
        volumes += found[1]
        for _ in range(layer.count):
            layers.append(_placed(f"layer_{kind}", number, front + layer.thickness_mm / 2))
            front += layer.thickness_mm
            number += 1
    volumes.append(_volume("calorimeter", "G4_Galactic", layers))
    x, y, z = position
    placed = (
        '<physvol><volumeref ref="calorimeter"/>'
        f'<position name="position" x="{x!r}" y="{y!r}" z="{z!r}" unit="mm"/>'
        f'<rotation name="tilt" x="{tilt_deg!r}" unit="deg"/></physvol>'
    )
    volumes.append(_volume("world", "G4_Galactic", [placed]))
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>', "<gdml>", "<define/>", "<materials>",
        *_materials(detector), "</materials>", "<solids>", *solids, "</solids>", "<structure>",
        *volumes, "</structure>",
        '<setup name="Default" version="1.0"><world ref="world"/></setup>', "</gdml>", "",
    ]  # fmt: skip
    return "\n".join(parts)


def toml_text(detector: Detector, name: str) -> str:
    """The TOML that lays the detector's cells over its GDML, ``name.gdml``."""
    layers = "".join(
        f"\n[[layers]]\ncount = {layer.count}\npitch_mm = {layer.thickness_mm!r}\n"
        for layer in detector.layers
    )
    windows = "".join(
        f"\n[windows.{key}]\nshape = {list(window.shape)}\ntheta_deg = {list(window.theta_deg)}\n"
        for key, window in detector.windows.items()
    )
    return (
        f'name = "{name}"\ntitle = "{detector.title}, as GDML"\nreadout = "{detector.readout}"\n'
        f'pad_mm = {list(detector.pad_mm)}\n\n[gdml]\nfile = "{name}.gdml"\n'
        f'sensitive_volumes = ["{SENSITIVE}_*"]\n{layers}{windows}'
    )


def _materials(detector: Detector) -> list[str]:
    composed = {name: each for name, each in detector.materials.items() if each.nist is None}
    symbols = sorted({symbol for each in composed.values() for symbol in each.elements})
    found = [
        f'<element name="{symbol}" formula="{symbol}" Z="{elements()[symbol][0]}">'
        f'<atom value="{elements()[symbol][1]!r}"/></element>'
        for symbol in symbols
    ]
    for name, material in composed.items():
        shares = "".join(
            f'<fraction n="{share!r}" ref="{symbol}"/>'
            for symbol, share in material.mass_fractions.items()
        )
        density = f'<D value="{material.density_g_cm3!r}" unit="g/cm3"/>'
        found.append(f'<material name="{name}">{density}{shares}</material>')
    return found


def _layer(
    detector: Detector, layer: Layer, kind: int, half_mm: float, pads: int
) -> tuple[list[str], list[str]]:
    """Solids and volumes of a layer."""
    solids, volumes, slabs = [], [], []
    front = -layer.thickness_mm / 2
    for number, slab in enumerate(layer.stack):
        name = f"{SENSITIVE if slab.sensitive else 'slab'}_{kind}_{number}"
        material = detector.materials[slab.material].nist or slab.material
        width, sheet = 2 * half_mm, name
        if pads and slab.sensitive:
            row, sheet = f"row_{name}", f"sheet_{name}"
            solids += [
                _box(name, width / pads, slab.thickness_mm),
                _box(row, width / pads, slab.thickness_mm, width),
            ]
            volumes += [
                _volume(name, material, []),
                _volume(row, material, [_replicas(name, "y", pads, width)]),
            ]
        cut = [] if sheet == name else [_replicas(row, "x", pads, width)]
        solids.append(_box(sheet, width, slab.thickness_mm))
        volumes.append(_volume(sheet, material, cut))
        slabs.append(_placed(sheet, 0, front + slab.thickness_mm / 2))
        front += slab.thickness_mm
    name = f"layer_{kind}"
    return (
        [*solids, _box(name, 2 * half_mm, layer.thickness_mm)],
        [*volumes, _volume(name, "G4_Galactic", slabs)],
    )


def _box(name: str, width: float, depth: float, height: float | None = None) -> str:
    y = width if height is None else height
    return f'<box name="{name}_box" x="{width!r}" y="{y!r}" z="{depth!r}" lunit="mm"/>'


def _replicas(name: str, axis: str, n: int, width: float) -> str:
    return (
        f'<replicavol number="{n}"><volumeref ref="{name}"/><replicate_along_axis>'
        f'<direction {axis}="1"/><width value="{width / n!r}" unit="mm"/>'
        '<offset value="0" unit="mm"/></replicate_along_axis></replicavol>'
    )


def _volume(name: str, material: str, inside: list[str]) -> str:
    return (
        f'<volume name="{name}"><materialref ref="{material}"/><solidref ref="{name}_box"/>'
        f"{''.join(inside)}</volume>"
    )


def _placed(name: str, number: int, z: float) -> str:
    return (
        f'<physvol copynumber="{number}"><volumeref ref="{name}"/>'
        f'<position name="{name}_{number}" z="{z!r}" unit="mm"/></physvol>'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detector", help="a bundled detector's name, or a .toml file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="files, without ending")
    parser.add_argument("--half", type=float, default=300.0, help="half of the width in mm")
    parser.add_argument("--pads", action="store_true", help="cut sensitive sheets into pads")
    arguments = parser.parse_args()
    detector, output = load_detector(arguments.detector), arguments.output
    half, pads = arguments.half, 0
    if arguments.pads:
        pad = detector.pad_mm[0]
        pads = 2 * int(half / pad) + 1
        half = pads * pad / 2
    output.with_suffix(".gdml").write_text(gdml_text(detector, half, pads=pads))
    output.with_suffix(".toml").write_text(toml_text(detector, output.name))


if __name__ == "__main__":
    main()
