"""The tables of a factorised network by name: what its native sampler reads from a model file.

The graph's initializers hold the numbers already, some of them in the form in which the graph uses
them (transposed, or computed from a weight) and under names that the exporter made up.  The model
file's metadata says which is which; no number is stored twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from caloforge.errors import ModelError
from caloforge.networks.factorised.deposits import LARGEST_GEV, SILICON, DepositSampler
from caloforge.networks.factorised.generator import FactorisedGenerator
from caloforge.networks.factorised.pattern import SHIFT_SIGMAS
from caloforge.typing import FloatArray

TABLES_KEY = "caloforge.tables"
VERSION = 1
"""One more whenever a step of the network changes: samplers refuse what they do not know."""

LOCAL_VERSION = 2
"""Of networks whose layers have correlations at every knot."""

CONVERSION_VERSION = 3
"""Of networks that draw the layer in which a shower begins."""

SHARED_VERSION = 4
"""Of networks with one pattern for all layers."""

PLACED_VERSION = 5
"""Of networks whose layers are not alike for showers that begin late."""

THICK_VERSION = 7
"""Of networks with steps for thick layers; files of 6 did not say all of their options."""

SIZED_VERSION = 9
"""Of networks that say how large the deposits of a layer are."""

COUNTED_VERSION = 10
"""Of networks that draw the number of hits in faint layers; in files of 8 and 9 cells came first by
their quantiles over their chances, now by the odds of both."""

PULLED_VERSION = 11
"""Of networks whose axes lie where they were read, or whose centre is moved as often and as far as
was measured; files of 4 to 10 had one number for both."""

_COLOURING = {False: "layers.colouring.transposed", True: "layers.colouring"}

ROUNDING, SMALLEST = 1e-5, 1e-4
"""Differences between torch and the exporter, of a number and, where it is itself a difference, of
the largest one of its table: a Gaussian that is wide for a layer's rings has shares of differences
between numbers near one, over their small sum."""

Initializers = Mapping[str, NDArray[np.generic]]


def tables(generator: FactorisedGenerator) -> dict[str, NDArray[np.generic]]:
    """Every table that a sampler needs, in the form that the graph holds (up to its shape)."""
    found: dict[str, Tensor] = {
        name: value for name, value in generator.named_parameters() if ".network." in name
    }
    for number, coupling in enumerate(generator.layers.couplings):
        order: Tensor = coupling.inverse_order  # type: ignore[assignment]
        found[f"layers.couplings.{number}.inverse_order"] = order
    layers = generator.layers
    found |= {
        _COLOURING[layers.local]: layers.colouring if layers.local else layers.colouring.T,
        "layers.quantiles": layers.quantiles,
        "layers.scale": layers.scale,
        "layers.response": layers.response,
        "deposits.shift": generator.deposits.shift,
        "deposits.table": generator.deposits.table,
    }
    if layers.conversion is not None:
        found["layers.conversion.begun"] = layers.conversion.begun
        if layers.size > layers.scale.numel():
            found["layers.conversion.depth"] = layers.conversion.depth
    if layers.draws_sum:
        found["layers.weight"] = layers.weight
    if generator.hit_numbers is not None:
        found["hit_numbers.table"] = generator.hit_numbers.table
        found["hit_numbers.chance"] = generator.hit_numbers.chance
    for name in ("axis", "pattern", "noise"):
        of_step = getattr(generator, name).tables()
        found |= {f"{name}.{table}": value for table, value in of_step.items()}
    if generator.halo is not None:
        halo = generator.halo
        few, more = halo.pairs
        names = ("per_gev", "kept", "deposit", "poisson", "number")
        found |= {f"halo.{name}": getattr(halo, name) for name in names}
        found |= {"halo.instead": halo.alias}  # the sampler's name
        found |= {"halo.pairs.few": few, "halo.pairs.more": more}
    return {name: value.detach().numpy() for name, value in found.items()}


def description(
    generator: FactorisedGenerator,
    energy_range_gev: tuple[float, float],
    theta_range_rad: tuple[float, float],
    initializers: Initializers,
) -> str:
    """Lines for the metadata: the network's geometry, and tables whose initializer is not called
    as they are.

    Raises
    ------
    ModelError
        if a table is not among the initializers.
    """
    axis = generator.axis
    window = () if axis.whole else axis.window
    lines = [
        (axis.kind, version_of(generator)),
        ("image", *axis.image),
        ("window", *(window or ("whole",))),
        ("energy_gev", *energy_range_gev),
        ("theta_rad", *theta_range_rad),
        *generator.noise.facts(),
        *_of_deposits(generator.deposits),
    ]
    wanted = tables(generator)
    found = named(initializers, wanted)
    lines += [("zeros", name, wanted[name].size) for name in wanted if name not in found]
    lines += [("table", name, held) for name, held in found.items() if held != name]
    return "".join(" ".join(map(str, line)) + "\n" for line in lines)


def weights_of(described: str, held: Initializers) -> dict[str, FloatArray]:
    """What a training starts from, of a model file whose graph holds it in another form.

    ``described``: as of :func:`description`.  These are the widths of the lateral pattern, how far
    it is shifted in inclined showers, and what whitens the layer energies.
    """
    table = {
        name: values.astype(np.float32) for name, values in held_tables(described, held).items()
    }
    found: dict[str, FloatArray] = {}
    if "pattern.steepness" in table:
        sigma = np.float32(math.sqrt(0.5)) / table["pattern.steepness"].ravel()
        found["pattern.log_sigma"] = np.log(sigma)
        if "pattern.shift.at" in table and "pattern.shift.with_energy" in table:
            both = [table[f"pattern.shift.{part}"] for part in ("at", "with_energy")]
            shift = np.stack([each.reshape(-1, len(sigma)) for each in both])
            found["pattern.shift"] = shift / (np.float32(SHIFT_SIGMAS) * sigma)
    if _COLOURING[False] in table:
        found["layers.whitening"] = np.linalg.inv(table[_COLOURING[False]].T)
    return found


def _of_deposits(deposits: DepositSampler) -> list[tuple[str | float, ...]]:
    """How layers are told apart by their energy, and what a cell expects at most, where not as in
    silicon."""
    found: list[tuple[str | float, ...]] = []
    if deposits.classes != SILICON:
        found.append(("layer_classes", *deposits.classes))
    if deposits.largest_gev != LARGEST_GEV:
        found.append(("largest_gev", deposits.largest_gev))
    return found


def held_tables(described: str, held: Initializers) -> dict[str, NDArray[np.generic]]:
    """Tables whose initializer is not called as they are, by their own names."""
    return {name: held[place] for name, place in renamed(described).items() if place in held}


def renamed(described: str) -> dict[str, str]:
    """Of tables whose initializer is not called as they are: its name."""
    return {words[1]: words[2] for words in _lines_of("table", described)}


def left_out(described: str) -> set[str]:
    """Tables of zeros, which files do not hold."""
    return {words[1] for words in _lines_of("zeros", described)}


def _lines_of(kind: str, described: str) -> list[list[str]]:
    lines = [line.split() for line in described.splitlines()]
    return [words for words in lines if words and words[0] == kind]


def version_of(generator: FactorisedGenerator) -> int:
    """The form of a generator's tables, one of those above."""
    layers = generator.layers
    if generator.axis.moves_centre or generator.axis.reads_impact:
        return PULLED_VERSION
    if generator.hit_numbers is not None:
        return COUNTED_VERSION
    if generator.pattern.sizes:
        return SIZED_VERSION
    if generator.for_thick_layers:
        return THICK_VERSION
    if layers.size > layers.scale.numel():
        return PLACED_VERSION
    if generator.pattern.shared:
        return SHARED_VERSION
    if layers.conversion is not None:
        return CONVERSION_VERSION
    return LOCAL_VERSION if layers.local else VERSION


def named(initializers: Initializers, wanted: Initializers) -> dict[str, str]:
    """For each wanted table the initializer that holds it: its own name, or else its numbers.

    What the exporter computed itself may differ from torch in the last digit; zeros, as in a flow
    that was not trained, it leaves out.

    Raises
    ------
    ModelError
        if there is none.

    >>> named({"a": np.ones(2), "view": np.zeros((1, 2))}, {"a": np.ones(2), "b": np.zeros(2)})
    {'a': 'a', 'b': 'view'}
    >>> named({}, {"c": np.zeros(2)})
    {}
    """
    found = {}
    for name, values in wanted.items():
        candidates = [name, *(each for each in initializers if each != name)]
        for held in candidates:
            if held in initializers and _holds(initializers[held], values):
                found[name] = held
                break
        else:
            if not values.any():
                continue
            msg = f"the exported graph holds no table '{name}' with {values.size} numbers"
            raise ModelError(msg)
    return found


def _holds(initializer: NDArray[np.generic], values: NDArray[np.generic]) -> bool:
    if (initializer.dtype, initializer.size) != (values.dtype, values.size):
        return False
    smallest = SMALLEST * float(np.abs(values).max(initial=0.0))
    return np.allclose(initializer.ravel(), values.ravel(), rtol=ROUNDING, atol=smallest)
