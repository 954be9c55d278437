"""The one gate for optional imports."""

from importlib import import_module
from typing import Any

from caloforge.errors import MissingExtraError

EXTRA_OF_MODULE = {
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "safetensors": "train",
    "tensorboard": "train",
    "optuna": "search",
    "openvino": "openvino",
    "caloforge_native": "native",
    "nncf": "quantize",
    "geant4_pybind": "simulate",
    "dask": "dask",
    "distributed": "dask",
    "pyarrow": "parquet",
}


def require(module: str) -> Any:
    """Import an optional module, or say which extra brings it.

    Raises
    ------
    MissingExtraError
        if the module is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        root = module.split(".")[0]
        if error.name is None or error.name.split(".")[0] != root:
            raise
        extra = EXTRA_OF_MODULE[root]
        msg = f'{root} is not installed: pip install "caloforge[{extra}]" brings it'
        raise MissingExtraError(msg) from None
