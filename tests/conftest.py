"""Toys that many tests share: a small detector, showers of it, and a model file for it."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # sums of several threads end in other digits

import numpy as np
import pytest

from caloforge.detector import Detector, Layer, Material, Slab, Window
from caloforge.showers import Showers
from caloforge.units import degree

TOY_SHAPE = (5, 5, 4)


@pytest.fixture
def toy_detector() -> Detector:
    return make_toy_detector()


def make_toy_detector() -> Detector:
    """Four tungsten-silicon layers with windows of 5 x 5 and 7 x 7 pads."""
    stack = (
        Slab(material="W", thickness_mm=3.0),
        Slab(material="Si", thickness_mm=0.5, sensitive=True),
    )
    return Detector(
        name="toy",
        title="a toy",
        pad_mm=(5.0, 5.0),
        materials={"W": Material(nist="G4_W"), "Si": Material(nist="G4_Si")},
        layers=(Layer(count=TOY_SHAPE[2], stack=stack),),
        windows={
            "fixed": Window(shape=TOY_SHAPE[:2]),
            "angle": Window(shape=(7, 7), theta_deg=(60.0, 120.0)),
        },
    )


def make_tiny_cylinder() -> Detector:
    """Three rings, eight sectors, six layers."""
    return Detector.model_validate(
        {
            "name": "tiny", "title": "a tiny cylinder", "readout": "cylinder",
            "pad_mm": [5.0, 5.0], "layers": [{"count": 6, "pitch_mm": 4.0}],
            "windows": {"rings": {"shape": [3, 8]}},
        }
    )  # fmt: skip


def make_showers(detector: Detector, n: int, seed: int = 0, window: str = "fixed") -> Showers:
    """Random sparse showers with about 2 % of Ep in the cells."""
    rng = np.random.default_rng(seed)
    shape = detector.cell_shape(window)
    energy = rng.uniform(10, 500, n).astype(np.float32)
    cells = rng.exponential(1.0, (n, *shape)) * (rng.random((n, *shape)) < 0.3)
    cells *= (0.02 * energy / cells.sum(axis=(1, 2, 3)))[:, None, None, None]
    low, high = detector.windows[window].theta_deg
    theta = rng.uniform(low * degree, high * degree, n).astype(np.float32)
    return Showers(cells.astype(np.float32), energy, theta, detector)


@pytest.fixture
def toy_showers(toy_detector: Detector) -> Showers:
    return make_showers(toy_detector, 20)


@pytest.fixture
def toy_model(tmp_path: Path, toy_detector: Detector) -> Path:
    """A model file for the toy detector: cells = energy * relu(latent @ weights) / 100."""
    return write_toy_model(tmp_path / "toy.onnx", toy_detector)


def write_toy_model(path: Path, detector: Detector, *, with_card: bool = True) -> Path:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    from caloforge.card import METADATA_KEY, Latent, ModelCard

    shape = detector.cell_shape("fixed")
    weights = np.random.default_rng(0).normal(size=(6, int(np.prod(shape)))).astype(np.float32)
    constants = {
        "weights": weights / 1000,
        "column": np.array([-1, 1], np.int64),
        "image": np.array([-1, *shape], np.int64),
        "zero": np.array(0, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["latent", "weights"], ["drawn"]),
        helper.make_node("Relu", ["drawn"], ["positive"]),
        helper.make_node("Reshape", ["energy", "column"], ["energy_column"]),
        helper.make_node("Reshape", ["theta", "column"], ["theta_column"]),
        helper.make_node("Mul", ["theta_column", "zero"], ["nothing"]),
        helper.make_node("Add", ["energy_column", "nothing"], ["scale"]),
        helper.make_node("Mul", ["positive", "scale"], ["flat"]),
        helper.make_node("Reshape", ["flat", "image"], ["cells"]),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["N", 6]),
            helper.make_tensor_value_info("energy", TensorProto.FLOAT, ["N"]),
            helper.make_tensor_value_info("theta", TensorProto.FLOAT, ["N"]),
        ],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["N", *shape])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if with_card:
        card = ModelCard(
            name="toy",
            network="toy",
            detector=detector,
            detector_digest=detector.digest,
            window="fixed",
            energy_range_gev=(10.0, 500.0),
            theta_range_rad=(np.pi / 2, np.pi / 2),
            latent=Latent(dim=6),
        )
        helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    onnx.save(model, str(path))
    return path
