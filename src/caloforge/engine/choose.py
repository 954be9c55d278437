"""From what a user asks for to a plan: runtime, precision and the sharing of the cores."""

import math
from pathlib import Path

from caloforge.card import ModelCard
from caloforge.engine.capability import Capabilities
from caloforge.engine.memory import recall
from caloforge.engine.plan import (
    QUANTIZED_BATCH,
    AskedPrecision,
    Plan,
    Precision,
)
from caloforge.engine.runtimes import RUNTIMES, runtime_named, runtimes_for
from caloforge.errors import InputError
from caloforge.provenance import available_cores


def choose_plan(
    path: Path,
    card: ModelCard,
    *,
    runtime: str = "auto",
    precision: AskedPrecision = "auto",
    threads: int | None = None,
    streams: int | None = None,
    batch: int | None = None,
    aslant: bool = False,
    capabilities: Capabilities | None = None,
) -> Plan:
    """The plan for a model: ``threads`` cores in all (every one if None), shared by ``streams``;
    ``aslant``: for showers that lean elsewhere than along the pads.

    Where neither streams nor batch are asked for, a plan that was measured on this machine for
    the model is taken, and one stream a core if there is none.

    Raises
    ------
    InputError
        if there are more streams than threads, the runtime is unknown, or the precision is not to
        be had.
    """
    chosen = chosen_runtime(runtime, card, aslant=aslant)
    cores = threads or max(available_cores(), streams or 1)
    parallel = streams or cores
    if parallel > cores:
        msg = f"{parallel} streams need at least as many threads, got {cores}"
        raise InputError(msg)
    plan = Plan(
        runtime=chosen,
        precision=_precision(card, precision, chosen, capabilities),
        streams=parallel,
        threads=cores // parallel,
        batch=batch or default_batch(card),
    )
    measured = recall(path, plan) if streams is None and batch is None else None
    return measured or plan


def default_batch(card: ModelCard) -> int:
    """Showers at a time where nothing was measured: fewer of many cells, but not for INT8."""
    batch = card.batch
    while batch > 1 and batch * math.prod(card.cell_shape) > card.batch_cells:
        batch //= 2
    return max(batch, QUANTIZED_BATCH) if card.format == "int8" else batch


def chosen_runtime(asked: str, card: ModelCard, *, aslant: bool = False) -> str:
    """The runtime that is asked for; ``auto`` is the fastest that is installed and runs the model,
    and makes showers that are ``aslant`` to the pads where such are asked for.

    Raises
    ------
    InputError
        if it is unknown.
    """
    if asked == "auto":
        able = runtimes_for(card)
        return next(name for name in able if RUNTIMES[name].any_phi or not aslant)
    runtime_named(asked)
    return asked


def advice(card: ModelCard, plan: Plan, capabilities: Capabilities | None = None) -> str | None:
    """A line for the user where the machine does not suit the model's format, None elsewhere."""
    cpu = capabilities or Capabilities.of_this_cpu()
    if card.format == "int8" and not cpu.int8:
        return (
            f"{card.name} is an INT8 model, but this CPU has no INT8 dot product (VNNI): "
            f"its float32 parent{f' {card.parent.name}' if card.parent else ''} is likely faster"
        )
    if card.format == "bfloat16" and plan.precision == "float32":
        title = RUNTIMES[plan.runtime].title
        reason = f"{title} has no BF16" if cpu.bfloat16 else "this CPU has no BF16"
        return f"{card.name} is meant for bfloat16, but {reason}: it runs in float32"
    return None


def precisions(
    card: ModelCard, runtime: str, capabilities: Capabilities | None = None
) -> tuple[Precision, ...]:
    """What a model can be run in: float32, and bfloat16 where model, engine and CPU allow it."""
    cpu = capabilities or Capabilities.of_this_cpu()
    able = RUNTIMES[runtime].bfloat16 and cpu.bfloat16 and not card.float32_only
    return ("float32", "bfloat16") if able else ("float32",)


def _precision(
    card: ModelCard, asked: AskedPrecision, runtime: str, capabilities: Capabilities | None
) -> Precision:
    if asked == "float32" or (asked == "auto" and card.format != "bfloat16"):
        return "float32"
    if card.float32_only:
        msg = (
            f"{card.name} runs in float32 only: it turns random numbers into places in tables, "
            f"which bfloat16 would merge"
        )
        raise InputError(msg)
    if "bfloat16" in precisions(card, runtime, capabilities):
        return "bfloat16"
    if asked == "auto":
        return "float32"
    if RUNTIMES[runtime].bfloat16:
        msg = "bfloat16 is not to be had: this CPU has no BF16 instructions; float32 is allowed"
    else:
        able = " or ".join(each.title for each in RUNTIMES.values() if each.bfloat16)
        title = RUNTIMES[runtime].title
        msg = f"bfloat16 needs the {able} runtime: {title} computes in float32 on CPUs"
    raise InputError(msg)
