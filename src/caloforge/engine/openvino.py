"""OpenVINO: the fastest engine on the CPUs it supports; an extra."""

import os
from pathlib import Path
from typing import Any

from caloforge._extras import require
from caloforge.card import ModelCard
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
    return StreamedEngine(card, plan, [OpenVinoStream(compiled) for _ in range(plan.streams)])


class OpenVinoStream:
    """One inference request; a pinned stream of the compiled model computes it."""

    cores: tuple[int, ...] = ()

    def __init__(self, compiled: Any) -> None:
        self._tensor = require("openvino").Tensor
        self._names = [port.any_name for port in compiled.inputs]
        self._request = compiled.create_infer_request()

    def run(self, latent: FloatArray, energy: FloatArray, theta: FloatArray) -> FloatArray:
        """Cells (B, X, Y, Z) in GeV from latent (B, L), energy (B,) GeV and theta (B,) rad."""
        values = {"latent": latent, "energy": energy, "theta": theta}
        for name in self._names:
            self._request.set_tensor(name, self._tensor(values[name], shared_memory=True))
        self._request.start_async()
        self._request.wait()
        cells: FloatArray = self._request.get_output_tensor(0).data
        return cells

    def profile(self) -> Any:
        """OpenVINO's time of each node in the last run (needs ``PERF_COUNT``)."""
        return self._request.get_profiling_info()


def compile_model(path: Path, plan: Plan, **extra: Any) -> Any:
    """A model file compiled by OpenVINO for the plan; ``extra`` are further properties.

    Raises
    ------
    ModelError
        if OpenVINO cannot run it.
    """
    core = require("openvino").Core()
    try:
        model = core.read_model(str(path))
        sizes = {port.any_name: port.partial_shape for port in model.inputs}
        model.reshape({name: [plan.batch, *list(shape)[1:]] for name, shape in sizes.items()})
        return core.compile_model(model, "CPU", properties(plan) | extra)
    except RuntimeError as error:
        reasons = [line for line in str(error).splitlines() if line.strip()] or ["no reason given"]
        msg = f"{path}: OpenVINO cannot run it: {reasons[-1]}"
        raise ModelError(msg) from None


def properties(plan: Plan) -> dict[str, Any]:
    """OpenVINO's properties for a plan; threads are pinned where every one has its core."""
    return {
        "NUM_STREAMS": plan.streams,
        "INFERENCE_NUM_THREADS": plan.cores,
        "ENABLE_CPU_PINNING": plan.cores <= len(core_numbers()),
        "INFERENCE_PRECISION_HINT": PRECISION_HINT[plan.precision],
    }
