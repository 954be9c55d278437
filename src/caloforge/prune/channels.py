"""A network with fewer channels from a trained one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Domain, GeneratorNetwork
from caloforge.networks.channels import Channels, HasChannels
from caloforge.networks.spec import build_generator, name_of

STEP = 16
"""Channels come in such multiples: what vector and matrix units are filled with."""


def fewer(options: FrozenModel, sparsity: float) -> FrozenModel:
    """Options with a part of the channels taken away, at least one step and at most all but one.

    Raises
    ------
    ConfigError
        if the network has no such option, or no channels to spare.
    """
    channels = getattr(options, "channels", None)
    if channels is None or channels < 2 * STEP:
        msg = f"network '{name_of(options)}' has no channels to spare ({channels}; {STEP} stay)"
        raise ConfigError(msg)
    kept = STEP * round(channels * (1 - sparsity) / STEP)
    return options.model_copy(update={"channels": min(max(kept, STEP), channels - STEP)})


@torch.no_grad()
def pruned(generator: GeneratorNetwork, options: FrozenModel, domain: Domain) -> GeneratorNetwork:
    """A generator of these options with the most important channels of another.

    A channel's importance is the size of what it adds to the next layer: its scale in the norm
    times the length of the weights that read it.

    Raises
    ------
    ConfigError
        if the network does not say what its channels are.
    """
    if not isinstance(generator, HasChannels):
        msg = f"network '{name_of(options)}' does not say which channels may go"
        raise ConfigError(msg)
    small = build_generator(options, domain)
    state = generator.state_dict()
    for channels in generator.channels():
        number = len(small.get_parameter(f"{channels.convolution}.weight"))
        kept = _importance(generator, channels).topk(number).indices.sort().values
        for name, value in state.items():
            if name.startswith((f"{channels.convolution}.", f"{channels.norm}.")) and value.dim():
                state[name] = value[kept]
        taker = f"{channels.taker}.weight"
        state[taker] = state[taker][:, kept]
    small.load_state_dict(state)
    return small


def _importance(generator: nn.Module, channels: Channels) -> Tensor:
    scale = generator.get_parameter(f"{channels.norm}.weight").abs()
    weight = generator.get_parameter(f"{channels.taker}.weight")
    length = weight.transpose(0, 1).flatten(1).square().sum(dim=1).sqrt()
    return scale * length
