"""A look into a GDML file with Geant4, in a process of its own: nothing is simulated."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from caloforge._extras import require
from caloforge.detector import Detector
from caloforge.errors import SimulationError
from caloforge.material_scan import MaterialScan
from caloforge.simulate.data import choose_data
from caloforge.simulate.gdml_calorimeter import GdmlWorld, check_mesh
from caloforge.simulate.mesh import ScoringMesh
from caloforge.simulate.tables import cache_folder, prepare_folder
from caloforge.simulate.telling import telling_words

LINES = 121
"""Lines of a scan, an odd number: the middle one is the axis."""


def scan_material(detector: Detector) -> MaterialScan:
    """Lines through the geometry, along z in the plane x = 0 of the face, over the first window.

    Raises
    ------
    MissingExtraError
        if geant4_pybind is not installed.
    DetectorError
        if the GDML file is not at hand, or the mesh misses what is sensitive.
    SimulationError
        if Geant4 cannot read it.
    """
    assert detector.gdml is not None
    _ = detector.gdml.content
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory(prefix="caloforge-") as folder, ProcessPoolExecutor(1, context) as pool:
        log = Path(folder) / "geant4.log"
        try:
            return pool.submit(_scan, detector, log).result()
        except BrokenProcessPool:
            told = telling_words(log.read_text()) or "it died without a word"
            msg = f"Geant4 cannot read {detector.gdml.file}: {told}"
            raise SimulationError(msg) from None


def _scan(detector: Detector, log: Path) -> MaterialScan:
    """What lines cross, in this process, whose messages go into the log."""
    assert detector.gdml is not None
    data = choose_data("built-in", cache_folder())
    prepare_folder(data.built_in)
    os.environ |= data.environment()
    sys.stdout.flush()
    opened = os.open(log, os.O_CREAT | os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(opened, stream)
    g4 = require("geant4_pybind")
    window = next(iter(detector.windows))
    world, mesh = GdmlWorld(g4, detector.gdml), ScoringMesh.over(detector, window)
    check_mesh(detector, mesh, world)
    shape, face = detector.windows[window].shape, detector.gdml.face
    rings = detector.readout == "cylinder"
    half = detector.radius_mm(window) if rings else shape[1] * detector.pad_mm[1] / 2
    y, into = np.linspace(-half, half, LINES), face.to_world((0.0, 0.0, 1.0))
    lines = [world.tracer.ray(face.place((0.0, at, 0.0)), into, detector.depth_mm) for at in y]
    return MaterialScan(tuple(y.tolist()), tuple(tuple(line) for line in lines))
