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


def check_installed(*modules: str) -> None:
    """Refuse to go on without optional modules, which are not imported yet: Geant4 must not be
    before it has been told where its data are.

    Raises
    ------
    MissingExtraError
        naming all that are not installed.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise _missing(*missing)


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


def _missing(*modules: str) -> MissingExtraError:
    extras = ",".join(dict.fromkeys(EXTRA_OF_MODULE[module] for module in modules))
    names = ", ".join(modules)
    are, them = ("is", "it") if len(modules) == 1 else ("are", "them")
    msg = f'{names} {are} not installed: pip install "caloforge[{extras}]" brings {them}'
    return MissingExtraError(msg)
