"""Plans that were measured on this machine, kept in the user's cache folder."""

import json
import os
from pathlib import Path

from pydantic import ValidationError

from caloforge.atomic import replacing
from caloforge.engine.plan import Plan
from caloforge.errors import CaloforgeError
from caloforge.provenance import cpu_name, file_digest, json_digest, versions


def cache_folder() -> Path:
    """``caloforge`` in XDG_CACHE_HOME, or in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "caloforge"


def recall(path: Path, base: Plan) -> Plan | None:
    """The plan that was found best for a model file on this CPU, None if none was measured.

    ``base`` gives runtime, precision and the number of cores.
    """
    try:
        kept = json.loads(_place(path, base).read_text())
        return Plan.model_validate(kept["plan"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def remember(path: Path, base: Plan, best: Plan, ms: float) -> bool:
    """Keep a plan as the best; False where the cache folder cannot be written."""
    place = _place(path, base)
    kept = {"for": _key(path, base), "plan": best.model_dump(), "ms_per_shower": ms}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(place) as partial:
            partial.write_text(json.dumps(kept, indent=2) + "\n")
    except (OSError, CaloforgeError):
        return False
    return True


def _place(path: Path, base: Plan) -> Path:
    return cache_folder() / f"plan-{json_digest(_key(path, base))[7:23]}.json"


def _key(path: Path, base: Plan) -> dict[str, str | int]:
    """What a measured plan depends on."""
    package = {"onnx": "onnxruntime", "openvino": "openvino"}[base.runtime]
    return {
        "model": file_digest(path),
        "cpu": cpu_name(),
        "cores": base.cores,
        "precision": base.precision,
        "runtime": f"{base.runtime} {versions().get(package)}",
    }
