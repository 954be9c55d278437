"""The one gate for optional imports."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from caloforge.errors import MissingExtraError

TRAINING = ("torch", "safetensors", "tensorboard")
"""What networks are trained with."""
EXPORTING = ("torch", "safetensors", "onnx", "onnxscript")
"""What the graph of a trained network is made with."""
QUANTIZING = ("onnx", "openvino", "nncf")
"""What graphs are brought into INT8 with."""

_TRAIN = tuple(dict.fromkeys(TRAINING + EXPORTING))
EXTRAS = {
    "openvino": ("openvino",),
    "native": ("caloforge_native",),
    "train": _TRAIN,
    "simulate": ("geant4_pybind",),
    "dask": ("dask", "distributed"),
    "parquet": ("pyarrow",),
    "search": (*_TRAIN, "optuna"),
    "quantize": QUANTIZING,
}
"""Extras -> the modules that they bring, as pyproject.toml has them; the smallest first."""


def check_installed(*modules: str) -> None:
    """Refuse to go on without optional modules, which are not imported yet: Geant4 must not be
    before it has been told where its data are.

    Raises
    ------
    MissingExtraError
        naming all that are not installed.
    """
    missing = [module for module in dict.fromkeys(modules) if find_spec(module) is None]
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


def extras_for(*modules: str) -> list[str]:
    """The extra that brings all modules; where none does, the first that brings each.

    >>> extras_for("onnx"), extras_for("onnx", "openvino"), extras_for("torch", "geant4_pybind")
    (['train'], ['quantize'], ['train', 'simulate'])
    """
    for extra, brought in EXTRAS.items():
        if set(modules) <= set(brought):
            return [extra]
    return list(dict.fromkeys(extras_for(module)[0] for module in modules))


def _missing(*modules: str) -> MissingExtraError:
    names, extras = ", ".join(modules), ",".join(extras_for(*modules))
    are, them = ("is", "it") if len(modules) == 1 else ("are", "them")
    msg = f'{names} {are} not installed: pip install "caloforge[{extras}]" brings {them}'
    return MissingExtraError(msg)
