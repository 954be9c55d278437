"""Networks in LiteRT (TensorFlow Lite) beside torch: time, size, difference, validation number.

    python benchmarks/litert.py GEANT4.h5 RUN [RUN ...]

Each run folder's generator is converted by litert-torch in float32, with float16 weights and in
INT8 (weights and activations, calibrated on the sample's conditions). The converter brings its own
pins, so it goes into an environment of its own beside ``caloforge[train]``:

    pip install litert-torch==0.10.0 ai-edge-quantizer==0.10.0
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import litert_torch
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

from caloforge import io
from caloforge.physics.distances import validation_number
from caloforge.train.trained import load_trained
from caloforge.typing import FloatArray

BATCH, BATCHES, CALIBRATION_BATCHES, THREADS = 32, 10, 4, 2
FLOAT16 = [
    {
        "regex": ".*",
        "operation": "*",
        "algorithm_key": "float_casting",
        "op_config": {
            "weight_tensor_config": {"num_bits": 16, "dtype": "FLOAT"},
            "compute_precision": "FLOAT",
            "explicit_dequantize": True,
        },
    }
]
INT8 = [
    *recipe.static_wi8_ai8(),
    *(
        {"regex": ".*", "operation": end, "algorithm_key": "no_quantize", "op_config": {}}
        for end in ("INPUT", "OUTPUT")
    ),
]
Inputs = tuple[torch.Tensor, ...]


def quantized(path: Path, how: Any, inputs: list[Inputs] | None = None) -> Path:
    """A converted file in another format, calibrated on these inputs where it needs to be."""
    work = quantizer.Quantizer(str(path), how)
    result = None
    if inputs is not None:
        samples = [{f"args_{i}": part.numpy() for i, part in enumerate(each)} for each in inputs]
        result = work.calibrate({"serving_default": samples})
    target = path.with_suffix(f".{len(list(path.parent.iterdir()))}.tflite")
    work.quantize(result).export_model(str(target), overwrite=True)
    return target


def measure(path: Path, inputs: list[Inputs]) -> tuple[FloatArray, float]:
    """Cells of all batches, and the median ms a shower."""
    engine = Interpreter(model_path=str(path), num_threads=THREADS)
    engine.allocate_tensors()
    places = sorted(engine.get_input_details(), key=lambda each: each["name"])
    result = engine.get_output_details()[0]["index"]
    cells, seconds = [], []
    for each in inputs:
        for place, part in zip(places, each, strict=True):
            engine.set_tensor(place["index"], part.numpy())
        began = time.perf_counter()
        engine.invoke()
        seconds.append(time.perf_counter() - began)
        cells.append(engine.get_tensor(result))
    return np.concatenate(cells), 1e3 * float(np.median(seconds)) / BATCH


def main() -> None:
    """One line a run and format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("geant4", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    asked = parser.parse_args()
    sample = io.read(asked.geant4)[: BATCH * BATCHES]
    energy, theta = (torch.as_tensor(each).split(BATCH) for each in (sample.energy, sample.theta))
    for run in asked.runs:
        generator, card = load_trained(run)
        generator = generator.eval()
        torch.manual_seed(0)
        latent = [generator.draw_latent(BATCH) for _ in energy]
        inputs: list[Inputs] = list(zip(latent, energy, theta, strict=True))
        with torch.no_grad():
            exact = np.concatenate([generator(*each).numpy() for each in inputs])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "float32.tflite"
            litert_torch.convert(generator, inputs[0]).export(str(path))
            formats: dict[str, Callable[[], Path]] = {
                "float32": lambda path=path: path,
                "float16 weights": lambda path=path: quantized(path, FLOAT16),
                "INT8": lambda path=path, inputs=inputs: quantized(
                    path, INT8, inputs[:CALIBRATION_BATCHES]
                ),
            }
            for name, make in formats.items():
                try:
                    made = make()
                    cells, ms = measure(made, inputs)
                except (RuntimeError, ValueError) as error:
                    print(f"{card.name} {name}: {str(error).splitlines()[0]}", flush=True)
                    continue
                wrong = float(np.abs(cells - exact).sum() / exact.sum())
                number = validation_number(sample.cells, cells, sample.energy, sample.energy)
                print(
                    f"{card.name} {name}: {ms:.3g} ms, {made.stat().st_size / 1e6:.2f} MB, "
                    f"difference {wrong:.2g}, validation number {number:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
