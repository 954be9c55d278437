"""OpenVINO: the fastest engine on the CPUs it supports; an extra."""

import os
from pathlib import Path

import numpy as np

from caloforge._extras import require
from caloforge.engine.base import read_card
from caloforge.errors import ModelError
from caloforge.provenance import available_cores
from caloforge.typing import FloatArray

os.environ.setdefault("OPENVINO_TELEMETRY_OPT_OUT", "1")


class OpenVinoEngine:
    """A model file in OpenVINO on ``threads`` cores (all available if None), in float32."""

    runtime = "openvino"

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self.card = read_card(path)
        self.threads = threads or available_cores()
        core = require("openvino").Core()
        config = {
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        try:
            model = core.read_model(str(path))
            self._names = [port.any_name for port in model.inputs]
            self._request = core.compile_model(model, "CPU", config).create_infer_request()
        except RuntimeError as error:
            msg = f"{path}: OpenVINO cannot run it: {str(error).splitlines()[-1]}"
            raise ModelError(msg) from None

    def run(self, latent: FloatArray, energy: FloatArray, theta: FloatArray) -> FloatArray:
        """Cells (N, X, Y, Z) in GeV from latent (N, L), energy (N,) GeV and theta (N,) rad."""
        values = {"latent": latent, "energy": energy, "theta": theta}
        self._request.infer({name: values[name] for name in self._names}, share_inputs=True)
        cells: FloatArray = np.array(self._request.get_output_tensor(0).data)
        return cells
