"""TOML files to frozen, checked objects, with errors that name the key."""

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from caloforge.errors import CaloforgeError, ConfigError


class FrozenModel(BaseModel):
    """A configuration object: immutable, and strict about the keys it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ModelT = TypeVar("ModelT", bound=FrozenModel)


def read_toml(path: Path, error: type[CaloforgeError] = ConfigError) -> dict[str, Any]:
    """Parse a TOML file.

    Raises
    ------
    ConfigError (or ``error``)
        if the file is missing or is not TOML.
    """
    try:
        with open(path, "rb") as stream:
            return tomllib.load(stream)
    except OSError as problem:
        msg = f"cannot read {path}: {problem.strerror}"
        raise error(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        msg = f"{path} is not valid TOML: {problem}"
        raise error(msg) from None


def build(
    model: type[ModelT],
    data: Any,
    *,
    where: str,
    error: type[CaloforgeError] = ConfigError,
) -> ModelT:
    """Check plain data against a model; ``where`` names its origin in the message.

    Raises
    ------
    ConfigError (or ``error``)
        naming the first wrong key, what it got and what is allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as problem:
        msg = f"{where}: {_first_problem(problem.errors(), model)}"
        raise error(msg) from None


def load_toml(
    path: str | Path, model: type[ModelT], *, error: type[CaloforgeError] = ConfigError
) -> ModelT:
    """Read a TOML file into a checked, frozen object; errors as of read_toml and build."""
    path = Path(path)
    return build(model, read_toml(path, error), where=str(path), error=error)


def _first_problem(errors: list[ErrorDetails], model: type[BaseModel]) -> str:
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        allowed = _keys_at(model, location[:-1])
        guesses = get_close_matches(location[-1], allowed, n=1)
        hint = f"did you mean '{guesses[0]}'?" if guesses else f"allowed: {', '.join(allowed)}"
        return f"unknown key '{key}': {hint}"
    if first["type"] == "missing":
        return f"key '{key}' is missing"
    got = "" if isinstance(first["input"], dict | list) else f", got {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    where = f"{key}: " if key else ""
    return f"{where}{message[0].lower()}{message[1:]}{got}"


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """Names of the fields that the nested model at ``location`` takes.

    Inside a union the location names the member by the value of its ``name`` field.
    """
    current = [model]
    for part in location:
        fields = [m.model_fields[part] for m in current if part in m.model_fields]
        inside = [found for field in fields for found in _models_inside(field.annotation)]
        named = [m for m in current if "name" in m.model_fields and _default_name(m) == part]
        current = inside or named or current
    return sorted({key for m in current for key in m.model_fields})


def _default_name(model: type[BaseModel]) -> object:
    return model.model_fields["name"].default


def _models_inside(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [
        found
        for argument in getattr(annotation, "__args__", ())
        for found in _models_inside(argument)
    ]
