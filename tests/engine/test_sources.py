"""The laws of a ShowerSource, for every engine that is typed with it."""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.conftest import TOY_SHAPE

from caloforge import ShowerSource
from caloforge.beam import Conditions
from caloforge.engine import RUNTIMES, Plan, StreamedEngine, base, load_engine, read_card, run
from caloforge.engine import runtimes as table
from caloforge.engine.capability import Capabilities
from caloforge.engine.runtimes import runtimes_for
from caloforge.errors import InputError, ModelError
from caloforge.generate import Generator, load
from caloforge.ranges import draw


def torch_source(path) -> Generator:
    """A network in torch that lights one cell with Ep / 1000."""
    torch = pytest.importorskip("torch")
    from caloforge.bench.torch import TorchStream

    def network(latent, energy, theta):
        cells = torch.zeros(len(energy), *TOY_SHAPE)
        cells[:, 2, 2, 1] = 1e-3 * energy * latent[:, 0].abs()
        return cells

    plan = Plan(runtime="torch", batch=16)
    return Generator(StreamedEngine(read_card(path), plan, [TorchStream(network)]), path)


def source_of(kind: str, path) -> ShowerSource:
    if kind == "torch":
        return torch_source(path)
    if kind not in runtimes_for(read_card(path)):
        pytest.skip(f"{kind} is not installed, or runs other models")
    return load(path, runtime=kind, threads=2, streams=2, batch=16)


@pytest.mark.parametrize("kind", [*RUNTIMES, "torch"])
def test_batches_are_the_sample_wherever_they_start(toy_model, kind):
    source, conditions = source_of(kind, toy_model), draw(150, "10:500", seed=1)
    assert isinstance(source, ShowerSource)
    whole = source.sample(conditions, seed=7)
    for start in (0, 64, 70):
        cells = np.full_like(whole.cells, np.nan)

        def sink(first, part, cells=cells):
            cells[first : first + len(part)] = part

        done = list(source.batches(conditions, sink, seed=7, start=start))
        assert done == sorted(done) and done[-1] == 150
        assert np.isnan(cells[:start]).all()
        assert np.array_equal(cells[start:], whole.cells[start:])


@pytest.mark.parametrize("kind", [*RUNTIMES, "torch"])
def test_plain_numbers_are_energies_of_perpendicular_showers(toy_model, kind):
    source = source_of(kind, toy_model)
    plain, asked = (
        source.sample(given, seed=1) for given in ([20.0, 300.0], Conditions.of([20.0, 300.0]))
    )
    assert np.array_equal(plain.cells, asked.cells)
    assert np.array_equal(plain.theta, asked.theta)


def test_the_card_is_read_once_a_load(toy_model, monkeypatch):
    read = []
    monkeypatch.setattr(
        base, "open_session", lambda path, f=base.open_session: read.append(path) or f(path)
    )
    for runtime in ("auto", *runtimes_for(read_card(toy_model))):
        read.clear()
        load(toy_model, runtime=runtime)
        assert read == [toy_model]


@dataclass(frozen=True)
class OwnNumbers:
    """An engine that draws its random numbers itself, as a native sampler does."""

    card: object
    plan: Plan

    def batches(self, conditions, sink, *, seed, start=0):
        cells = np.zeros((len(conditions) - start, *self.card.cell_shape), np.float32)
        sink(start, cells)
        yield len(conditions)


def test_a_runtime_more_is_one_line_in_the_table(toy_model, monkeypatch):
    class Own(table.Runtime):
        def load(self, path, plan, card):
            return OwnNumbers(card, plan)

    own = Own("Own numbers", "own", package="numpy")
    monkeypatch.setattr(table, "RUNTIMES", {"own": own, **RUNTIMES})
    assert table.runtimes_for(read_card(toy_model))[0] == "own"
    plan = Plan(runtime="own")
    engine = load_engine(toy_model, plan)
    assert Generator(engine, toy_model).sample([50.0], seed=1).cells.sum() == 0
    with pytest.raises(ModelError, match="own takes no random numbers from outside"):
        run(engine, *(np.zeros((1, 6), np.float32), np.ones(1, np.float32), np.ones(1, np.float32)))


def test_an_unknown_runtime_is_refused(toy_model):
    allowed = "native, openvino, onnx"
    with pytest.raises(InputError, match=f"runtime 'abacus' is unknown: allowed are {allowed}"):
        load(toy_model, runtime="abacus")


def test_a_processor_that_is_limited_has_no_newer_instructions(monkeypatch):
    """make test-portable: /proc/cpuinfo still tells what the engines may not use."""
    monkeypatch.setattr(
        "caloforge.engine.capability.cpu_field", lambda field: "avx512_bf16 avx_vnni"
    )
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    assert Capabilities.of_this_cpu() == Capabilities(bfloat16=True, int8=True)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert Capabilities.of_this_cpu() == Capabilities(bfloat16=False, int8=False)
