"""A model's graph inside a host's: its inputs before it, its order and units behind it."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import helper, version_converter

from caloforge.card import METADATA_KEY, ModelCard, Response
from caloforge.engine.base import INPUTS, OUTPUT
from caloforge.errors import ModelError
from caloforge.hosts.calibrate import write_response
from caloforge.hosts.randomness import latent_from
from caloforge.hosts.writer import GraphWriter, value

ENERGIES = "energies"
"""Name of the one output."""
OPSET = 18
"""The first with operators on the bits of integers."""
ONE_THREAD = {"session_options": {"intra_op_num_threads": 1, "inter_op_num_threads": 1}}
"""For hosts that set no number of threads: what ONNX Runtime reads of a model under
``ORT_LOAD_CONFIG_FROM_MODEL=1``."""


@dataclass(frozen=True)
class Given:
    """What a host feeds: ``numbers`` (count,) at random; energy (1,) GeV, theta (1,) rad."""

    numbers: str
    count: int
    energy: str
    theta: str | None = None


@dataclass(frozen=True)
class Shower:
    """What a model made of it: ``cells`` (1, X, Y, Z) in GeV.

    ``energy`` (1,) is the host's Ep in GeV, ``inside`` (1,) the nearest one of the model's range,
    at which the shower was made, and ``response`` (1,) the mean sum of its cells over that.
    """

    cells: str
    energy: str
    inside: str
    response: str

    def in_units(self, writer: GraphWriter, unit: str) -> str:
        """The cells in ``fractions`` of Ep or ``GeV``, both calibrated to Ep; or ``deposited`` GeV.

        Outside the model's range the nearest energy's shower is scaled to the host's Ep.
        """
        total = self.inside
        if unit != "deposited":
            total = writer.add("Mul", total, self.response)
        fractions = writer.add("Div", self.cells, total)
        return fractions if unit == "fractions" else writer.add("Mul", fractions, self.energy)


@dataclass(frozen=True)
class Port:
    """A host's side of a graph.

    Attributes
    ----------
    inputs : names and shapes, in the host's order.
    shape : of the output; the host reads it flat.
    given : writes what the inputs mean.
    read : writes the output from the shower.
    """

    inputs: Mapping[str, tuple[int, ...]]
    shape: tuple[int, ...]
    given: Callable[[GraphWriter], Given]
    read: Callable[[GraphWriter, Shower], str]


def embed(model: Any, card: ModelCard, port: Port, response: Response) -> Any:
    """The graph that the host loads: optimised, for one shower a call, in standard operators.

    Raises
    ------
    ModelError
        if ONNX Runtime needs operators of its own for it.
    """
    writer = GraphWriter()
    given = port.given(writer)
    low, high = (writer.constant([end]) for end in card.energy_range_gev)
    inside = writer.add("Min", writer.add("Max", given.energy, low), high)
    writer.name(latent_from(writer, given.numbers, given.count, card.latent), INPUTS[0])
    writer.name(inside, INPUTS[1])
    theta = _theta(writer, card, given)
    writer.name(theta, INPUTS[2])
    before = len(writer.nodes)
    calibration = write_response(response, writer, inside, theta)
    shower = Shower(OUTPUT, given.energy, inside, calibration)
    writer.name(writer.reshape(port.read(writer, shower), *port.shape), ENERGIES)
    model = _at_opset(model)
    graph = helper.make_graph(
        [*writer.nodes[:before], *model.graph.node, *writer.nodes[before:]],
        card.name,
        [value(name, shape) for name, shape in port.inputs.items()],
        [value(ENERGIES, port.shape)],
        [*model.graph.initializer, *writer.initializers],
    )
    version = helper.find_min_ir_version_for(model.opset_import)
    whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=version)
    optimised = _optimised(whole)
    card = card.model_copy(update={"response": response})
    helper.set_model_props(
        optimised, {METADATA_KEY: card.model_dump_json(), "ort_config": json.dumps(ONE_THREAD)}
    )
    return optimised


def _theta(writer: GraphWriter, card: ModelCard, given: Given) -> str:
    low, high = card.theta_range_rad
    if card.one_angle or given.theta is None:
        return writer.constant([(low + high) / 2])
    ends = writer.constant([low]), writer.constant([high])
    return writer.add("Min", writer.add("Max", given.theta, ends[0]), ends[1])


def _at_opset(model: Any) -> Any:
    """The model, its operators those of ``OPSET`` at least."""
    version = max(opset.version for opset in model.opset_import if not opset.domain)
    return model if version >= OPSET else version_converter.convert_version(model, OPSET)


def _optimised(model: Any) -> Any:
    """The graph as ONNX Runtime simplifies it, constants folded, without its own operators."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        options.optimized_model_filepath = str(path)
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        optimised = onnx.load(path)
    own = sorted({node.op_type for node in optimised.graph.node if node.domain})
    if own:
        msg = f"the optimised graph needs operators of ONNX Runtime alone: {', '.join(own)}"
        raise ModelError(msg)
    standard = [opset for opset in optimised.opset_import if not opset.domain]
    del optimised.opset_import[:]
    optimised.opset_import.extend(standard)
    # The lowest version that knows these operators: hosts' ONNX Runtimes are years old.
    optimised.ir_version = helper.find_min_ir_version_for(standard)
    return optimised
