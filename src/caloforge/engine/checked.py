"""The engine that runs a model rightly: the chosen one, or the next that does, and a line why."""

from pathlib import Path
from typing import NamedTuple

from caloforge.card import ModelCard
from caloforge.engine.base import Engine
from caloforge.engine.parity import check_parity
from caloforge.engine.plan import Plan
from caloforge.engine.runtimes import REFERENCE, RUNTIMES, runtime_named, runtimes_for
from caloforge.errors import ModelError


class Checked(NamedTuple):
    """An engine, and the line that says what was not used for it and why, if anything."""

    engine: Engine
    note: str | None


def load_checked(path: Path, plan: Plan, card: ModelCard, *, fixed: bool = False) -> Checked:
    """The engine of a plan; where it cannot run the model, the next in the table that can.

    INT8, which some engines compute wrongly on some processors, is compared with the reference
    first. With ``fixed`` the plan's runtime was asked for, and nothing else will do.

    Raises
    ------
    ModelError
        if no engine that may be used runs the model.
    """
    runtime = runtime_named(plan.runtime)
    try:
        if card.format == "int8" and plan.runtime != REFERENCE:
            check_parity(path, plan, card)
        return Checked(runtime.load(path, plan, card), None)
    except ModelError as problem:
        later = list(RUNTIMES)[list(RUNTIMES).index(plan.runtime) + 1 :]
        others = [name for name in later if name in runtimes_for(card)]
        if fixed or not others:
            raise
        other = plan.model_copy(update={"runtime": others[0], "precision": "float32"})
        engine, further = load_checked(path, other, card)
        note = f"{problem}: {RUNTIMES[engine.plan.runtime].title} is used instead"
        return Checked(engine, note if further is None else f"{note}; {further}")
