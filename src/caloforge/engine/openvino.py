"""OpenVINO: the fastest engine on the CPUs it supports; an extra."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from caloforge._extras import require
from caloforge.card import ModelCard
from caloforge.engine.base import INPUTS, PHI
from caloforge.engine.plan import Plan
from caloforge.engine.streamed import StreamedEngine
from caloforge.errors import ModelError
from caloforge.provenance import core_numbers
from caloforge.typing import FloatArray

os.environ.setdefault("OPENVINO_TELEMETRY_OPT_OUT", "1")

PRECISION_HINT = {"float32": "f32", "bfloat16": "bf16"}


def load(path: Path, plan: Plan, card: ModelCard) -> StreamedEngine:
    """A model file in OpenVINO, its graph specialised for the plan's batch.

    Raises
    ------
    ModelError
        if OpenVINO cannot run it.
    MissingExtraError
        if OpenVINO is not installed.
    """
    compiled = compile_model(path, plan)
    aslant = _AslantModel(path, plan)
    streams = [OpenVinoStream(compiled, aslant) for _ in range(plan.streams)]
    return StreamedEngine(card, plan, streams)


class _AslantModel:
    """The branch of a model file that takes phi, compiled when it is first asked for."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self._path, self._plan, self._lock = path, plan, Lock()
        self._compiled: Any = None

    def __call__(self) -> Any:
        """The compiled model, the same for all threads."""
        with self._lock:
            if self._compiled is None:
                self._compiled = compile_model(self._path, self._plan, aslant=True)
            return self._compiled


class OpenVinoStream:
    """Inference requests; a pinned stream of the compiled model computes them.

    ``aslant``: gives the compiled model that takes phi.
    """

    cores: tuple[int, ...] = ()

    def __init__(self, compiled: Any, aslant: Callable[[], Any] | None = None) -> None:
        self._tensor, self._aslant = require("openvino").Tensor, aslant
        self._names = [port.any_name for port in compiled.inputs]
        self._request = compiled.create_infer_request()
        self._with_phi: Any = None

    def run(
        self,
        latent: FloatArray,
        energy: FloatArray,
        theta: FloatArray,
        phi: FloatArray | None = None,
    ) -> FloatArray:
        """Cells (B, X, Y, Z) in GeV from latent (B, L), energy (B,) GeV, theta and phi (B,) rad."""
        values = {"latent": latent, "energy": energy, "theta": theta}
        request = self._request
        if phi is not None:
            if self._with_phi is None:
                assert self._aslant is not None
                self._with_phi = self._aslant().create_infer_request()
            request, values = self._with_phi, values | {PHI: phi}
        for name in (*self._names, *values.keys() - set(INPUTS)):
            request.set_tensor(name, self._tensor(values[name], shared_memory=True))
        request.start_async()
        request.wait()
        cells: FloatArray = request.get_output_tensor(0).data
        return cells

    def profile(self) -> Any:
        """OpenVINO's time of each node in the last run (needs ``PERF_COUNT``)."""
        return self._request.get_profiling_info()


def compile_model(path: Path, plan: Plan, *, aslant: bool = False, **extra: Any) -> Any:
    """A model file compiled by OpenVINO for the plan; ``extra`` are further properties.

    ``aslant``: its branch that takes phi.

    Raises
    ------
    ModelError
        if OpenVINO cannot run it.
    """
    core = require("openvino").Core()
    try:
        model = core.read_model(str(path))
        model = _aslant_branch(model) if aslant else model
        sizes = {port.any_name: port.partial_shape for port in model.inputs}
        model.reshape({name: [plan.batch, *list(shape)[1:]] for name, shape in sizes.items()})
        return core.compile_model(model, "CPU", properties(plan) | extra)
    except RuntimeError as error:
        reasons = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        msg = f"{path}: OpenVINO cannot run it: {reasons[-1]}"
        raise ModelError(msg) from None


def _aslant_branch(model: Any) -> Any:
    """The branch of a model that takes phi, as a model with that input."""
    openvino = require("openvino")
    ports = {port.any_name: (port.element_type, port.partial_shape) for port in model.inputs}
    ports[PHI] = ports["energy"]
    inputs = {name: openvino.op.Parameter(*port) for name, port in ports.items()}
    for name, parameter in inputs.items():
        parameter.output(0).set_names({name})
    choice = next(node for node in model.get_ops() if node.get_type_name() == "If")
    branch = choice.get_then_body()
    parameters = branch.get_parameters()
    given = [
        (parameters[each.body_parameter_index], choice.input_value(each.input_index).any_name)
        for each in choice.get_input_descriptions(0)
    ]
    given += [(node, PHI) for node in branch.get_ops() if PHI in node.output(0).names]
    for node, name in given:
        for reader in node.output(0).get_target_inputs():
            reader.replace_source_output(inputs[name].output(0))
    return openvino.Model(branch.get_results(), list(inputs.values()))


def properties(plan: Plan) -> dict[str, Any]:
    """OpenVINO's properties for a plan; threads are pinned where every one has its core."""
    return {
        "NUM_STREAMS": plan.streams,
        "INFERENCE_NUM_THREADS": plan.cores,
        "ENABLE_CPU_PINNING": plan.cores <= len(core_numbers()),
        "INFERENCE_PRECISION_HINT": PRECISION_HINT[plan.precision],
    }
