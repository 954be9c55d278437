"""The maps from pads to rings: energy, barycentre and profiles."""

import numpy as np
import pytest

pytest.importorskip("onnx")
from caloforge.detector import load_detector
from caloforge.hosts.mesh import area_weights, depth_weights
from caloforge.hosts.par04 import COARSE, FINE

CLIC = load_detector("clic_ecal")
PADS = CLIC.cell_shape("fixed")[:2]


@pytest.mark.parametrize("mesh", [COARSE, FINE])
def test_every_pad_and_layer_keeps_its_energy(mesh):
    np.testing.assert_allclose(area_weights(PADS, CLIC.pad_mm, mesh).sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_allclose(depth_weights(CLIC, mesh).sum(axis=1), 1, rtol=1e-6)


def places(mesh):
    ring, sector = np.divmod(np.arange(mesh.rings * mesh.sectors), mesh.sectors)
    phi = (sector + 0.5) * 2 * np.pi / mesh.sectors - np.pi
    radius = (ring + 0.5) * mesh.ring_mm
    return radius * np.cos(phi), radius * np.sin(phi)


@pytest.mark.parametrize(("mesh", "off_mm"), [(COARSE, 4.0), (FINE, 0.3)])
def test_a_pad_inside_the_mesh_keeps_its_place(mesh, off_mm):
    """The barycentre of a pad's energy, at the host's hits, lies within the pad.

    The coarse mesh's outer sectors are three pads wide, and their hits lie in the middle.
    """
    weights = area_weights(PADS, CLIC.pad_mm, mesh)
    pad_x, pad_y = (
        (axis - n // 2) * pad
        for axis, n, pad in zip(np.indices(PADS).reshape(2, -1), PADS, CLIC.pad_mm, strict=True)
    )
    inside = np.hypot(pad_x, pad_y) + CLIC.pad_mm[0] < mesh.rings * mesh.ring_mm
    for here, pad in zip(places(mesh), (pad_x, pad_y), strict=True):
        assert np.abs(here @ weights - pad)[inside].max() < off_mm


def test_areas_are_those_of_the_pads():
    """Uniform pads give each cell of the mesh its own area."""
    weights = area_weights(PADS, CLIC.pad_mm, COARSE).sum(axis=1) * np.prod(CLIC.pad_mm)
    ring = np.repeat(np.arange(COARSE.rings), COARSE.sectors)
    area = np.pi * COARSE.ring_mm**2 * (2 * ring + 1) / COARSE.sectors
    inner = ring < COARSE.rings - 1
    np.testing.assert_allclose(weights[inner], area[inner], rtol=0.02)


def test_layers_keep_their_depth():
    weights = depth_weights(CLIC, FINE)
    ends = np.cumsum([0, *[4.4] * 17, *[6.8] * 8])
    middle = (np.arange(FINE.slices) + 0.5) * FINE.slice_mm
    assert np.abs(weights @ middle - (ends[1:] + ends[:-1]) / 2).max() < FINE.slice_mm / 2
    # A sum up to a depth is that of the layers, the one that the depth cuts shared by thickness.
    edges = np.arange(1, FINE.slices + 1) * FINE.slice_mm
    energy = np.random.default_rng(0).random(25)
    until = np.interp(edges, ends, np.concatenate([[0], np.cumsum(energy)]))
    np.testing.assert_allclose(np.cumsum(energy @ weights), until, rtol=1e-5)
