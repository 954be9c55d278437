"""The one gate for optional imports."""

from importlib import import_module
from importlib.util import find_spec
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


def check_installed(module: str) -> None:
    """Refuse to go on without an optional module, which is not imported yet: Geant4 must not be
    before it has been told where its data are.

    Raises
    ------
    MissingExtraError
        if the module is not installed.
    """
    if find_spec(module) is None:
        raise _missing(module)


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
        raise _missing(root) from None


def _missing(module: str) -> MissingExtraError:
    extra = EXTRA_OF_MODULE[module]
    msg = f'{module} is not installed: pip install "caloforge[{extra}]" brings it'
    return MissingExtraError(msg)
