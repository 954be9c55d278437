"""Digests, versions and the ``record.json`` that every verb leaves behind."""

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from caloforge.atomic import replacing
from caloforge.typing import AnyArray

TRACKED_PACKAGES = (
    "caloforge",
    "caloforge-native",
    "numpy",
    "h5py",
    "onnxruntime",
    "openvino",
    "torch",
    "nncf",
    "geant4_pybind",
)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as ``sha256:...``; OSError where it cannot be read."""
    with open(path, "rb") as stream:
        return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def json_digest(value: Any) -> str:
    """SHA-256 of a JSON value in its canonical spelling, as ``sha256:...``.

    >>> json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def array_digest(*arrays: AnyArray) -> str:
    """SHA-256 of arrays' values, as ``sha256:...``."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return "sha256:" + digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in TRACKED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def cpu_field(field: str) -> str:
    """What Linux tells of the first processor core ("model name", "flags", ...), else nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == field), "")


def cpu_name() -> str:
    """The processor's model name, as the operating system tells it."""
    return cpu_field("model name") or platform.processor() or platform.machine()


def core_numbers() -> list[int]:
    """Numbers of the processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def available_cores() -> int:
    """Number of processor cores that this process may run on."""
    return len(core_numbers())


def write_record(
    path: Path,
    *,
    verb: str,
    config: dict[str, Any],
    inputs: dict[str, str],
    seed: int | None,
    seconds: float,
) -> None:
    """Write a verb's record: configuration, input digests, seed, versions, host and seconds.

    ``inputs`` are names of files with their digests.

    Raises
    ------
    OutputError
        if the file cannot be written.
    """
    record = {
        "verb": verb,
        "config": config,
        "inputs": inputs,
        "seed": seed,
        "seconds": round(seconds, 3),
        "versions": versions(),
        "host": {"cpu": cpu_name(), "cores": available_cores(), "system": platform.platform()},
    }
    with replacing(path) as partial:
        partial.write_text(json.dumps(record, indent=2) + "\n")
