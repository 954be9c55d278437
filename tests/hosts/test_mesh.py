"""The maps from pads to rings: energy, barycentre and profiles."""

import numpy as np
import pytest

pytest.importorskip("onnx")
import onnxruntime
from onnx import helper

from caloforge.detector import load_detector
from caloforge.engine.base import read_card
from caloforge.hosts.mesh import area_weights, depth_weights
from caloforge.hosts.par04 import COARSE, FINE
from caloforge.hosts.resample import write_rings
from caloforge.hosts.writer import GraphWriter, value
from caloforge.zoo import model_path

CLIC = load_detector("clic_ecal")
PADS = CLIC.cell_shape("fixed")[:2]


@pytest.mark.parametrize("mesh", [COARSE, FINE])
def test_layers_and_pads_within_the_mesh_keep_their_energy(mesh):
    weights = area_weights(PADS, CLIC.pad_mm, mesh).sum(axis=0)
    x, y = np.indices(PADS).reshape(2, -1) - 12
    nearest, furthest = (
        5.1 * np.hypot(*(np.maximum(np.abs(axis) + way, 0) for axis in (x, y)))
        for way in (-0.5, 0.5)
    )
    edge = mesh.rings * mesh.ring_mm
    np.testing.assert_allclose(weights[furthest < edge], 1, rtol=1e-6)
    assert (weights[nearest > edge] == 0).all() and (weights <= 1 + 1e-6).all()
    np.testing.assert_allclose(depth_weights(CLIC, mesh).sum(axis=1), 1, rtol=1e-6)


def test_nothing_is_lost_and_layers_keep_their_sums():
    """Also of a layer all of whose hits lie beyond the mesh, whose energy the others get."""
    card = read_card(model_path("clic_ecal_fixed"))
    writer = GraphWriter()
    rings = write_rings(writer, "cells", card, FINE)
    shape = FINE.rings * FINE.sectors, 25
    graph = helper.make_graph(
        writer.nodes, "rings", [value("cells", (1, 25, 25, 25))], [value(rings, shape)],
        writer.initializers,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    cells = np.random.default_rng(1).exponential(1, (1, 25, 25, 25)).astype(np.float32)
    (made,) = session.run(None, {"cells": cells})
    np.testing.assert_allclose(made.sum(axis=0), cells.sum(axis=(0, 1, 2)), rtol=1e-5)
    cells[..., 3] = 0
    cells[0, 0, 0, 3] = 7.0
    (made,) = session.run(None, {"cells": cells})
    assert made.sum(dtype=float) == pytest.approx(cells.sum(dtype=float), rel=1e-6)
    assert made[:, 3].sum() == 0
    (made,) = session.run(None, {"cells": np.zeros_like(cells)})
    assert (made == 0).all()


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
