"""Plans that were measured on this machine, kept in the user's cache folder."""

import json
from pathlib import Path

from pydantic import ValidationError

from caloforge.atomic import replacing
from caloforge.cache import cache_folder
from caloforge.engine.plan import Plan
from caloforge.engine.runtimes import RUNTIMES
from caloforge.errors import CaloforgeError
from caloforge.provenance import cpu_name, file_digest, json_digest, versions


def recall(path: Path, base: Plan) -> Plan | None:
    """The plan that was found best for a model file on this CPU, None if none was measured.

    ``base`` gives runtime, precision and the number of cores.
    """
    try:
        kept = json.loads(_place(path, base).read_text())
        plan = Plan.model_validate(kept["plan"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
    fits = (plan.runtime, plan.precision) == (base.runtime, base.precision)
    return plan if fits else None


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
    package = RUNTIMES[base.runtime].package
    return {
        "model": file_digest(path),
        "cpu": cpu_name(),
        "cores": base.cores,
        "precision": base.precision,
        "runtime": f"{base.runtime} {versions().get(package)}",
    }
