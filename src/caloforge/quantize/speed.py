"""Layers that INT8 makes slower on this machine.

An 8-bit convolution is not always faster: with few channels, or where its neighbours stay in
float, converting to and fro costs more than is gained. Timing the network with each layer in turn
left in float finds them.
"""

from contextlib import ExitStack

from caloforge.engine.tune import measure_engines
from caloforge.quantize.accuracy import Search
from caloforge.quantize.candidate import loaded
from caloforge.quantize.graph import layer_names

ROUNDS = 9
SLOWER = 0.95
"""A layer stays in float if the network without its INT8 takes at most this share of the time."""


def slower_layers(search: Search) -> tuple[str, ...]:
    """Names of the layers whose INT8 costs time, in the order of the graph."""
    every = layer_names(search.model)
    variants = [every, *([name for name in every if name != layer] for layer in every)]
    with ExitStack() as stack:
        engines = [
            stack.enter_context(loaded(search.plain(layers, items=1), search.card, search.plan))
            for layers in variants
        ]
        everything, *without = measure_engines(engines, ROUNDS)
    return tuple(
        layer for layer, ms in zip(every, without, strict=True) if ms < SLOWER * everything
    )
