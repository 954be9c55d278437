"""Where the time goes, node by node of the executed graph, as the runtime counts it."""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from caloforge.card import ModelCard
from caloforge.engine import Plan
from caloforge.engine.latent import draw_latent
from caloforge.errors import InputError
from caloforge.typing import FloatArray

RUNS = 20
NEGLIGIBLE = 0.005
"""Share of the time below which a node is added to the rest."""


class NodeTime(NamedTuple):
    """A node of the executed graph: what it is, how (and in which precision) it was computed."""

    name: str
    kind: str
    how: str
    us_per_shower: float


Record = tuple[tuple[str, str, str], float]
Inputs = tuple[FloatArray, FloatArray, FloatArray]


def profile(path: Path, plan: Plan, card: ModelCard) -> list[NodeTime]:
    """Times of the executed nodes of a model, slowest first; nodes fused away are not there.

    Raises
    ------
    InputError
        if the plan's runtime tells nothing.
    """
    if plan.runtime not in PROFILERS:
        msg = f"{plan.runtime} tells no times of its nodes; allowed are {', '.join(PROFILERS)}"
        raise InputError(msg)
    times = PROFILERS[plan.runtime](path, plan, _inputs(card, plan.batch))
    return sorted(times, key=lambda node: -node.us_per_shower)


def profile_table(path: Path, plan: Plan, nodes: list[NodeTime]) -> Table:
    """The profile for the terminal, with what is negligible in one line."""
    total = sum(node.us_per_shower for node in nodes)
    table = Table(title=f"{path.name}: {plan}; {total:.1f} us a shower", title_justify="left")
    for heading in ("node", "kind", "computed as"):
        table.add_column(heading, overflow="fold")
    for heading in ("us/shower", "share"):
        table.add_column(heading, justify="right")
    shown = [node for node in nodes if node.us_per_shower >= NEGLIGIBLE * total]
    rest = nodes[len(shown) :]
    for node in shown:
        share = f"{node.us_per_shower / total:.1%}"
        table.add_row(node.name, node.kind, node.how, f"{node.us_per_shower:.2f}", share)
    left = sum(node.us_per_shower for node in rest)
    table.add_row(f"{len(rest)} others", "", "", f"{left:.2f}", f"{left / total:.1%}")
    return table


def _inputs(card: ModelCard, batch: int) -> Inputs:
    energy = np.linspace(*card.energy_range_gev, batch, dtype=np.float32)
    theta = np.linspace(*card.theta_range_rad, batch, dtype=np.float32)
    return draw_latent(card.latent, 0, 0, batch), energy, theta


def _openvino(path: Path, plan: Plan, inputs: Inputs) -> list[NodeTime]:
    from caloforge.engine.openvino import OpenVinoStream, compile_model

    stream = OpenVinoStream(compile_model(path, plan, PERF_COUNT=True))
    records: list[Record] = []
    for _ in range(RUNS):
        stream.run(*inputs)
        records += [
            ((node.node_name, node.node_type, node.exec_type), node.real_time.total_seconds())
            for node in stream.profile()
            if node.real_time.total_seconds() > 0
        ]
    return _fastest(records, plan)


def _onnx(path: Path, plan: Plan, inputs: Inputs) -> list[NodeTime]:
    from caloforge.engine.onnx import OnnxStream

    with tempfile.TemporaryDirectory() as folder:
        stream = OnnxStream(path, plan, 0, profile_into=Path(folder) / "ort")
        for _ in range(RUNS):
            stream.run(*inputs)
        events: list[dict[str, Any]] = json.loads(Path(stream.session.end_profiling()).read_text())
    records = [
        ((event["name"].removesuffix("_kernel_time"), event["args"]["op_name"], "float32"),
         event["dur"] * 1e-6)
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    ]  # fmt: skip
    return _fastest(records, plan)


def _fastest(records: Iterable[Record], plan: Plan) -> list[NodeTime]:
    """The fastest run of each node, because others on the machine disturb some of them."""
    seconds: dict[tuple[str, str, str], float] = {}
    for key, taken in records:
        seconds[key] = min(taken, seconds.get(key, np.inf))
    return [NodeTime(*key, 1e6 * taken / plan.batch) for key, taken in seconds.items()]


PROFILERS = {"openvino": _openvino, "onnx": _onnx}
"""How each runtime that tells its times is asked."""
