"""Write a detector of flat layers as a GDML file, with the TOML that lays its mesh over it.

    python benchmarks/gdml.py clic_ecal -o clic_ecal_gdml

writes ``clic_ecal_gdml.gdml`` and ``.toml``. Showers of both are to be the same (docs/simulate.md).
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
) -> str:
    """The GDML of a detector's slabs, 2 half_mm wide, in a calorimeter volume in vacuum.

    The calorimeter's middle is at ``position_mm``; by default its front is at z = 0. It is turned
    about x, so that z along its depth comes to (0, sin tilt, cos tilt).
    """
    position = position_mm or (0.0, 0.0, detector.depth_mm / 2)
    world = 2 * (half_mm + detector.depth_mm + max(map(abs, position)) + MARGIN_MM)
    solids = [_box("world", world, world), _box("calorimeter", 2 * half_mm, detector.depth_mm)]
    volumes, layers = [], []
    front, number = -detector.depth_mm / 2, 0
    for kind, layer in enumerate(detector.layers):
        found = _layer(detector, layer, kind, half_mm)
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
    detector: Detector, layer: Layer, kind: int, half_mm: float
) -> tuple[list[str], list[str]]:
    """Solids and volumes of a layer."""
    solids, volumes, slabs = [], [], []
    front = -layer.thickness_mm / 2
    for number, slab in enumerate(layer.stack):
        name = f"{SENSITIVE if slab.sensitive else 'slab'}_{kind}_{number}"
        material = detector.materials[slab.material].nist or slab.material
        solids.append(_box(name, 2 * half_mm, slab.thickness_mm))
        volumes.append(_volume(name, material, []))
        slabs.append(_placed(name, 0, front + slab.thickness_mm / 2))
        front += slab.thickness_mm
    name = f"layer_{kind}"
    return (
        [*solids, _box(name, 2 * half_mm, layer.thickness_mm)],
        [*volumes, _volume(name, "G4_Galactic", slabs)],
    )


def _box(name: str, width: float, depth: float) -> str:
    return f'<box name="{name}_box" x="{width!r}" y="{width!r}" z="{depth!r}" lunit="mm"/>'


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
    arguments = parser.parse_args()
    detector, output = load_detector(arguments.detector), arguments.output
    output.with_suffix(".gdml").write_text(gdml_text(detector, arguments.half))
    output.with_suffix(".toml").write_text(toml_text(detector, output.name))


if __name__ == "__main__":
    main()
