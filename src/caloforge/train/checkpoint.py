"""Training state in one safetensors file: tensors as tensors, all the rest as JSON.

No pickle, so a checkpoint from a colleague cannot run code.  The file is written beside its place
and renamed, so a kill leaves the previous one.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from caloforge.atomic import replacing
from caloforge.errors import InputError

STATE_KEY = "caloforge.state"
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
"""Files of a run folder: the whole state of the training, and the generator of its best epoch."""


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write nested dicts, lists and tuples of tensors, numbers, strings, booleans and None.

    Dictionary keys are strings or integers.  Raises :class:`OutputError` where the file cannot be
    written, :class:`TypeError` for anything else inside.
    """
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, "", tensors)
    content = save(tensors, metadata={STATE_KEY: json.dumps(tree)})
    with replacing(path) as partial, open(partial, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def load_state(path: Path) -> dict[str, Any]:
    """Read what :func:`save_state` wrote; :class:`InputError` where it is not that."""
    try:
        with safe_open(path, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            tree = json.loads(stored.metadata()[STATE_KEY])
        state: dict[str, Any] = _unpack(tree, tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as problem:
        msg = f"{path} is not a caloforge checkpoint: {problem}"
        raise InputError(msg) from None
    return state


def not_finite(state: Any, place: str = "") -> str | None:
    """Where in nested state a tensor holds NaN or infinity, or None.

    >>> not_finite({"weights": {"a": torch.tensor([1.0, float("nan")])}})
    'weights.a'
    """
    if isinstance(state, Tensor):
        finite = not state.is_floating_point() or bool(torch.isfinite(state).all())
        return None if finite else place
    if isinstance(state, float):
        return None if math.isfinite(state) else place
    for key, value in _items(state):
        found = not_finite(value, f"{place}.{key}" if place else str(key))
        if found is not None:
            return found
    return None


def _items(state: Any) -> list[tuple[Any, Any]]:
    if isinstance(state, dict):
        return list(state.items())
    return list(enumerate(state)) if isinstance(state, list | tuple) else []


def _pack(value: Any, place: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[place] = value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        return {"tensor": place}
    if isinstance(value, dict):
        pairs = [[key, _pack(item, f"{place}/{key}", tensors)] for key, item in value.items()]
        return {"dict": pairs}
    if isinstance(value, list | tuple):
        return {"list": [_pack(item, f"{place}/{i}", tensors) for i, item in enumerate(value)]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    msg = f"cannot store a {type(value).__name__} at {place!r} in a checkpoint"
    raise TypeError(msg)


def _unpack(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors) for key, item in content}
    return [_unpack(item, tensors) for item in content]
