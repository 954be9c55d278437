"""The mean layer energies of an INT8 model brought back to Geant4's: gains, steps in its graph.

INT8 rounds the numbers of a layer alike in every shower, and so shifts mean profiles by what the
fluctuations of single showers hide from a score.  Layer z is given the gain exp(g_z . f), f the
features of the conditions, where Geant4's showers ask for
sum_n f_n (E_nz / Ep_n - made_nz / Ep_n) = 0; the sum of a shower's cells stays what it was.  Each
g_z is what is likely, given the showers' fluctuations and gains that differ from 1 by about
LIKELY_GAIN: a layer that few showers reach keeps its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from caloforge._extras import require
from caloforge.card import ModelCard
from caloforge.engine import Plan
from caloforge.io import ShowerFile
from caloforge.physics import observables
from caloforge.quantize.candidate import cells_of, loaded
from caloforge.quantize.score import Judge, judge_of
from caloforge.typing import AnyArray, Float64Array

LIKELY_GAIN = 0.2
ROUNDS = 2
"""Sums that are kept couple the layers; a second round takes what one does to the others."""
FEWEST, MOST = 1000, 4096
"""Showers that gains are measured on."""
TINY = 1e-30


class ConditionPowers:
    """Features (N, F) of a model's conditions: powers of log Ep up to the third, and of theta up to
    the second where it varies."""

    def __init__(self, card: ModelCard) -> None:
        low, high = np.log(card.energy_range_gev)
        self.terms = [("energy", 0.5 * (low + high), max(0.5 * (high - low), 1e-3), 3)]
        low, high = card.theta_range_rad
        if not card.one_angle:
            self.terms.append(("theta", 0.5 * (low + high), 0.5 * (high - low), 2))

    def __call__(self, energy: AnyArray, theta: AnyArray) -> Float64Array:
        """Of energies (N,) in GeV and theta (N,) in rad; the first column is 1."""
        values = {"energy": np.log(energy), "theta": theta}
        columns = [np.ones(len(energy))]
        for name, middle, half, degree in self.terms:
            scaled = (values[name] - middle) / half
            columns += [scaled**power for power in range(1, degree + 1)]
        return np.stack(columns, 1).astype(np.float64)


def judge_to_measure(sample: ShowerFile, card: ModelCard, judged: int) -> Judge | None:
    """The showers behind the judged ones, in the model's range; None where they are too few."""
    judge = judge_of(sample.read(judged, judged + MOST), card)
    return judge if len(judge.reference) >= FEWEST else None


def calibrated(model: Any, card: ModelCard, judge: Judge, plan: Plan) -> Any:
    """The model with gains that are measured on Geant4's showers, for which it makes its own."""
    powers, showers = ConditionPowers(card), judge.reference
    features = powers(showers.energy, showers.theta)
    wanted = _layers(showers.cells, showers.energy)
    gains = np.zeros((features.shape[1], wanted.shape[1]))
    for _ in range(ROUNDS):
        made = _made(with_gains(model, powers, gains), card, judge, plan)
        gains += solved(features, wanted, made)
    return with_gains(model, powers, gains)


def solved(features: Float64Array, wanted: Float64Array, made: Float64Array) -> Float64Array:
    """Log gains (F, S) for features (N, F) and layer energies over Ep, (N, S) each."""
    missing = wanted - made
    slope = np.einsum("nf,ng,ns->sfg", features, features, made)
    noise = np.einsum("nf,ng,ns->sfg", features, features, missing**2)
    noise += TINY * np.eye(features.shape[1])
    weighted = slope @ np.linalg.inv(noise)
    precision = weighted @ slope + np.eye(features.shape[1]) / LIKELY_GAIN**2
    pull = np.einsum("sfg,ng,ns->sf", weighted, features, missing, optimize=True)
    found: Float64Array = np.linalg.solve(precision, pull[..., None])[..., 0].T
    return found


def with_gains(model: Any, powers: ConditionPowers, gains: Float64Array) -> Any:
    """A copy of the model whose cells are multiplied by gains exp(features @ gains), sums kept."""
    onnx = require("onnx")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    graph = _GraphSteps(onnx, changed.graph)
    output = changed.graph.output[0].name
    cells = f"{output}_before_gains"
    for node in changed.graph.node:
        node.output[:] = [cells if name == output else name for name in node.output]
        node.input[:] = [cells if name == output else name for name in node.input]
    columns = []
    for name, middle, half, degree in powers.terms:
        value = graph.step("Log", name) if name == "energy" else name
        value = graph.step("Sub", value, graph.constant(middle))
        value = graph.step("Div", value, graph.constant(half))
        columns.append(value)
        for _ in range(degree - 1):
            columns.append(graph.step("Mul", columns[-1], value))
    columns = [graph.step("Unsqueeze", column, graph.whole(1)) for column in columns]
    exponent = graph.step(
        "MatMul", graph.step("Concat", *columns, axis=1), graph.constant(gains[1:])
    )
    gain = graph.step("Exp", graph.step("Add", exponent, graph.constant(gains[:1])))
    gain = graph.step("Unsqueeze", gain, graph.whole(1, 2))
    layers = graph.step("ReduceSum", cells, graph.whole(1, 2), keepdims=1)
    before, after = (
        graph.step("Add", graph.step("ReduceSum", each, graph.whole(1, 2, 3)), graph.constant(TINY))
        for each in (layers, graph.step("Mul", layers, gain))
    )
    kept = graph.step("Mul", gain, graph.step("Div", before, after))
    graph.step("Mul", cells, kept, output=output)
    return changed


class _GraphSteps:
    """Adds nodes and constants to a graph, under names of their own."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx, self.graph, self.count = onnx, graph, 0

    def step(self, operation: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node; the name of what it makes."""
        name = output or self._name()
        node = self.onnx.helper.make_node(
            operation, list(inputs), [name], name=f"{name}_node", **attributes
        )
        self.graph.node.append(node)
        return name

    def constant(self, values: float | AnyArray) -> str:
        """float32 values."""
        return self._array(np.asarray(values, np.float32))

    def whole(self, *values: int) -> str:
        """Whole numbers, as axes are given."""
        return self._array(np.asarray(values, np.int64))

    def _array(self, values: AnyArray) -> str:
        name = self._name()
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def _name(self) -> str:
        self.count += 1
        return f"layer_gains_{self.count}"


def _made(model: Any, card: ModelCard, judge: Judge, plan: Plan) -> Float64Array:
    """Layer energies over Ep of the model's showers at the judge's conditions, an item at a time:
    the cells of all would not fit into every memory."""
    energy = judge.reference.energy
    with loaded(model, card, plan) as engine:
        parts = [_layers(cells_of(engine, judge, [rows]), energy[rows]) for rows in judge.items]
    return np.concatenate(parts)


def _layers(cells: AnyArray, energy: AnyArray) -> Float64Array:
    """Layer energies over Ep (N, layers)."""
    found: Float64Array = observables.profile(cells, "z") / energy[:, None]
    return found
