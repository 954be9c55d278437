"""The table of networks.  A new network is a file with options and classes, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from caloforge.config import FrozenModel
from caloforge.errors import ConfigError
from caloforge.networks.base import Discriminator, Domain, Generator
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions
from caloforge.networks.gan.conv2d import Conv2dGenerator, Conv2dOptions
from caloforge.networks.gan.conv3d import Conv3dDiscriminator, Conv3dGenerator, Conv3dOptions
from caloforge.networks.gan.discriminator2d import Discriminator2d
from caloforge.networks.gan.layered2d import Layered2dGenerator, Layered2dOptions


@dataclass(frozen=True)
class NetworkSpec:
    """One network: its options (a pydantic model with a literal ``name``), the classes that are
    built as ``cls(options, domain)``; no discriminator: no GAN."""

    title: str
    options: type[FrozenModel]
    generator: Callable[[Any, Domain], Generator]
    discriminator: Callable[[Any, Domain], Discriminator] | None = None


NETWORKS: dict[str, NetworkSpec] = {
    "conv3d": NetworkSpec(
        "3DGAN (2018), 3D convolutions", Conv3dOptions, Conv3dGenerator, Conv3dDiscriminator
    ),
    "conv2d": NetworkSpec(
        "3DGAN (2021), 2D convolutions over three permuted axes",
        Conv2dOptions,
        Conv2dGenerator,
        Discriminator2d,
    ),
    "layered2d": NetworkSpec(
        "2D convolutions with the layers as channels",
        Layered2dOptions,
        Layered2dGenerator,
        Discriminator2d,
    ),
    "factorised": NetworkSpec(
        "layer energies, transverse pattern and deposits in turn, each exact",
        FactorisedOptions,
        FactorisedGenerator,
    ),
}


def build_generator(options: FrozenModel, domain: Domain) -> Generator:
    """The generator that network options (of any network in the table) describe.

    Raises
    ------
    ConfigError
        if the memory does not hold it.
    """
    try:
        return network_of(options).generator(options, domain)
    except RuntimeError as problem:
        reason = str(problem).splitlines()[0]
        msg = f"network '{options.name}' cannot be made here: {reason}"  # type: ignore[attr-defined]
        raise ConfigError(msg) from None


def network_of(options: FrozenModel) -> NetworkSpec:
    """The line of the table that options belong to."""
    return NETWORKS[str(options.name)]  # type: ignore[attr-defined]
