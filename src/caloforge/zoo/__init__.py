"""Packaged models and small Geant4 samples: showers seconds after installation."""

from importlib import resources
from pathlib import Path

from caloforge.errors import InputError, ModelError

FOLDER = Path(str(resources.files("caloforge") / "zoo"))
SAMPLE_SUFFIX = "_geant4.h5"


def model_names() -> list[str]:
    """Names of the bundled models."""
    return sorted(path.stem for path in FOLDER.glob("*.onnx"))


def model_path(name_or_path: str | Path) -> Path:
    """The file of a bundled model, or of one's own.

    Raises
    ------
    ModelError
        if there is no such file and no bundled model of that name.
    """
    if str(name_or_path) in model_names():
        return FOLDER / f"{name_or_path}.onnx"
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(model_names()) or "none"
        msg = f"no model file {name_or_path}; bundled models: {known}"
        raise ModelError(msg)
    return path


def sample_path(name: str) -> Path:
    """The bundled Geant4 sample that goes with a bundled model; no model is trained on it.

    Raises
    ------
    InputError
        if there is none of that name.
    """
    path = FOLDER / f"{name}{SAMPLE_SUFFIX}"
    if not path.is_file():
        known = ", ".join(sorted(p.name.removesuffix(SAMPLE_SUFFIX) for p in FOLDER.glob("*.h5")))
        msg = f"no bundled Geant4 sample '{name}'; there are: {known}"
        raise InputError(msg)
    return path
