"""Physics scores, as validations find them and cards repeat them."""

import json
import math
from pathlib import Path

from caloforge.config import FrozenModel
from caloforge.errors import InputError


class Score(FrozenModel):
    """A physics score with its error, beside the same score of Geant4 against Geant4."""

    value: float
    error: float | None = None
    floor: float | None = None


def read_scores(metrics: Path) -> dict[str, Score]:
    """The scores that a validation wrote to its ``metrics.json``, without the undefined ones.

    Raises
    ------
    InputError
        if the file is not that.
    """
    try:
        found = json.loads(metrics.read_text())["scores"]
        return {
            name: Score(value=score["value"], error=score["error"], floor=score["floor"])
            for name, score in found.items()
            if score["value"] is not None
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        msg = f"{metrics} is not the metrics.json of a validation: {problem}"
        raise InputError(msg) from None


def with_error(value: float, error: float | None) -> str:
    """A value and its error, to the first digit of the error (the second where that is 1).

    >>> with_error(0.02203, 0.00541), with_error(1.0101, 0.0132)
    ('0.022 ± 0.005', '1.010 ± 0.013')
    """
    if not math.isfinite(value):
        return "not defined"
    if error is None or not (math.isfinite(error) and error > 0):
        return f"{value:.3g}"
    first = math.floor(math.log10(error))
    digits = -first + (1 if error < 2 * 10.0**first else 0)
    places = min(max(digits, 0), 4)
    return f"{value:.{places}f} ± {error:.{places}f}"
