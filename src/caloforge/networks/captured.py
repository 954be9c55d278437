"""Training steps on a GPU as one recorded graph of kernels.

A step of these networks is some thousand small kernels, whose starts take longer than most of them
run.  A CUDA graph starts all of them at once.  The first steps of each shape are taken one kernel
after the other (the fastest are chosen in them, and optimisers make their state); then one is
recorded, and from there on replayed with other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from caloforge.ranks import group

WARM_STEPS = 3
"""Of each shape, before it is recorded."""

Draw = Callable[[], Tensor]
Work = Callable[..., dict[str, Tensor]]


@dataclass
class _Shape:
    """Steps of one shape: how many were taken, what draws their random numbers and where these
    lie, and, once it is recorded, the graph, its inputs and its values."""

    taken: int = 0
    draws: list[tuple[Draw, Tensor]] = field(default_factory=list)
    graph: torch.cuda.CUDAGraph | None = None
    given: tuple[Tensor, ...] = ()
    values: dict[str, Tensor] = field(default_factory=dict)


class CapturedSteps:
    """Does the work of steps: on a GPU by graphs, on a processor or several ranks as it is written.

    Work may depend on what it is given, on ``kind``, and on random numbers; those of the processor
    it gets from :meth:`drawn`.  It reads nothing back from a GPU.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.active = device == "cuda" and group.size() == 1
        if self.active:
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self.forget()

    def forget(self) -> None:
        """Record anew: what the graphs write to was replaced."""
        self._shapes: dict[Hashable, _Shape] = {}
        self._noted: list[tuple[Draw, Tensor]] | None = None
        self._recording: Iterator[tuple[Draw, Tensor]] | None = None

    def __call__(self, work: Work, given: tuple[Tensor, ...], *kind: Hashable) -> dict[str, Tensor]:
        """The values of ``work(*given)``."""
        if not self.active:
            return work(*given)
        key = (*kind, *(each.shape for each in given))
        shape = self._shapes.setdefault(key, _Shape())
        others = torch.cuda.current_stream()
        with torch.cuda.stream(self._stream):
            torch.cuda.current_stream().wait_stream(others)
            values = self._values(shape, work, given)
        others.wait_stream(self._stream)
        return values

    def drawn(self, draw: Draw) -> Tensor:
        """What ``draw`` draws on the processor, on the device, which is not waited for."""
        if self._recording is not None:
            return next(self._recording)[1]
        there = draw().to(self.device, non_blocking=True)
        if self._noted is not None:
            self._noted.append((draw, there))
        return there

    def _values(self, shape: _Shape, work: Work, given: tuple[Tensor, ...]) -> dict[str, Tensor]:
        shape.taken += 1
        if shape.taken <= WARM_STEPS:
            self._noted = shape.draws = []
            values = work(*given)
            self._noted = None
            return values
        if shape.graph is None:
            shape.graph = self._record(shape, work, given)
        for mine, now in zip(shape.given, given, strict=True):
            mine.copy_(now)
        for draw, there in shape.draws:
            there.copy_(draw(), non_blocking=True)
        shape.graph.replay()
        return shape.values

    def _record(self, shape: _Shape, work: Work, given: tuple[Tensor, ...]) -> torch.cuda.CUDAGraph:
        """The graph of the work; other threads go on copying batches."""
        graph = torch.cuda.CUDAGraph()
        shape.given = tuple(each.clone() for each in given)
        self._recording = iter(shape.draws)
        try:
            with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
                shape.values = work(*shape.given)
        finally:
            self._recording = None
        return graph
