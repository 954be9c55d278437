"""What a recorded step is given and draws, with a GPU's graphs taken by a stand-in."""

from contextlib import nullcontext

import pytest

torch = pytest.importorskip("torch")

from caloforge.networks.captured import WARM_STEPS, CapturedSteps  # noqa: E402


class Stream:
    def wait_stream(self, other):
        """Nothing runs beside anything."""


@pytest.fixture
def captured(monkeypatch):
    """Steps whose graphs are counted when they are replayed."""
    made = CapturedSteps("cpu")
    made.active, made._stream = True, Stream()
    replayed = []

    class Graph:
        def replay(self):
            replayed.append(self)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: nullcontext())
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    made.replayed = replayed
    return made


def test_every_step_draws_as_many_numbers_and_in_the_same_order(captured):
    drawn, seen = [], []

    def numbers(name, size):
        drawn.append(name)
        return torch.full((size,), float(len(drawn)))

    def work(given):
        seen.append((given, [captured.drawn(lambda n=n: numbers(n, n)) for n in (2, 3)]))
        return {"sum": given.sum()}

    for step in range(WARM_STEPS + 4):
        drawn.clear()
        outside = captured.drawn(lambda: numbers("outside", 1))
        captured(work, (torch.full((5,), float(step)),))
        assert drawn == ["outside", 2, 3] and outside.item() == 1.0
    assert len(captured.replayed) == 4 and len(seen) == WARM_STEPS + 1
    given, read = seen[-1]
    assert given.tolist() == [WARM_STEPS + 3.0] * 5
    assert [each[0].item() for each in read] == [2.0, 3.0]


def test_each_shape_and_kind_has_a_graph_of_its_own(captured):
    def work(given):
        return {"sum": given.sum()}

    for size, kind in ((2, True), (2, False), (3, True)):
        for _ in range(WARM_STEPS + 2):
            captured(work, (torch.ones(size),), kind)
    assert len(set(map(id, captured.replayed))) == 3 and len(captured.replayed) == 6
    captured.forget()
    captured(work, (torch.ones(2),), True)
    assert len(captured.replayed) == 6
