"""Channels inside a network that may be fewer: what a network says of its own."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable


class Channels(NamedTuple):
    """Channels of one layer that another takes.

    ``convolution`` makes them and ``norm`` scales them; ``taker`` is the convolution that reads
    them: all by the names of the modules.
    """

    convolution: str
    norm: str
    taker: str


@runtime_checkable
class HasChannels(Protocol):
    """A generator whose option ``channels`` says how many of them there are in each layer."""

    def channels(self) -> list[Channels]:
        """All layers with so many channels."""
        ...


def chain(blocks: list[str], taker: str) -> list[Channels]:
    """Channels of blocks (``convolution``, ``norm``) that feed each other, and the last a taker."""
    takers = [f"{block}.convolution" for block in blocks[1:]] + [taker]
    return [
        Channels(f"{block}.convolution", f"{block}.norm", reader)
        for block, reader in zip(blocks, takers, strict=True)
    ]
