"""Laws of the showers that the native sampler makes."""

import threading
from functools import partial

import numpy as np
import pytest

native = pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from caloforge.beam import Conditions  # noqa: E402
from caloforge.engine import Plan, load_engine, read_card  # noqa: E402
from caloforge.engine.native import HITS_BATCH, NativeEngine  # noqa: E402
from caloforge.errors import ModelError  # noqa: E402
from caloforge.generate import load  # noqa: E402
from caloforge.hit_arrays import cell_type  # noqa: E402
from caloforge.ranges import draw  # noqa: E402
from caloforge.source import collected  # noqa: E402

N = 50


def conditions_of(path, n):
    card = read_card(path)
    rng = np.random.default_rng(0)
    low, high = card.energy_range_gev
    return Conditions(
        np.exp(rng.uniform(np.log(low), np.log(high), n)).astype(np.float32),
        rng.uniform(*card.theta_range_rad, n).astype(np.float32),
    )


def made(path, conditions, first=0, seed=5, instruction_set=""):
    maker = native.Maker(native.Sampler(str(path)), instruction_set)
    return maker.make(seed, first, conditions.energy, conditions.theta)


def shower(hits, number):
    rows = slice(hits[0][number], hits[0][number + 1])
    return hits[1][rows], hits[2][rows]


def test_every_instruction_set_makes_the_same_showers(model):
    conditions = conditions_of(model, N)
    first, *others = [made(model, conditions, instruction_set=s) for s in native.instruction_sets()]
    assert native.instruction_sets()[-1] == "portable"
    for other in others:
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_showers_do_not_depend_on_where_a_batch_begins(model):
    conditions = conditions_of(model, N)
    whole = made(model, conditions)
    for start, stop in [(0, 1), (7, 8), (13, 40), (31, 50)]:
        part = made(model, conditions[np.arange(start, stop)], first=start)
        for number in range(start, stop):
            for a, b in zip(shower(whole, number), shower(part, number - start), strict=True):
                assert np.array_equal(a, b)


def test_another_seed_makes_other_showers(model):
    conditions = conditions_of(model, 4)
    one, other = made(model, conditions, seed=1), made(model, conditions, seed=2**63 + 1)
    assert not np.array_equal(one[2], other[2])


def test_hits_rise_and_are_what_the_file_may_hold(model):
    card = read_card(model)
    offsets, cell, energy = hits = made(model, conditions_of(model, N))
    assert offsets.dtype == np.int64 and energy.dtype == np.float32
    assert cell.dtype == cell_type(card.cell_shape)
    assert offsets[0] == 0 and offsets[-1] == len(cell) == len(energy) > N
    assert energy.min() > 0 and cell.max() < np.prod(card.cell_shape)
    for number in range(N):
        assert (np.diff(shower(hits, number)[0].astype(np.int64)) > 0).all()


def test_threads_share_a_sampler(bundled):
    conditions = conditions_of(bundled, 64)
    sampler = native.Sampler(str(bundled))
    whole = native.Maker(sampler).make(3, 0, conditions.energy, conditions.theta)
    found = {}

    def work(first):
        part = conditions[np.arange(first, first + 16)]
        found[first] = native.Maker(sampler).make(3, first, part.energy, part.theta)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 64, 16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    parts = [found[first] for first in range(0, 64, 16)]
    assert np.array_equal(np.concatenate([part[2] for part in parts]), whole[2])


def engine_of(path, streams=1, batch=16):
    engine = load_engine(path, Plan(runtime="native", streams=streams, batch=batch))
    assert isinstance(engine, NativeEngine)
    return engine


def test_the_engine_gives_the_same_in_any_plan_as_hits_and_dense(model):
    n = HITS_BATCH + 3
    conditions, card = conditions_of(model, n), read_card(model)
    engine = engine_of(model)
    parts = list(engine.hits(conditions, seed=4, start=5))
    assert [first for first, _ in parts] == [5]
    hits = parts[0][1]
    few = 40
    rows = conditions[np.arange(few)]
    end = hits.offsets[few - 5]
    first = hits._replace(
        offsets=hits.offsets[: few - 4], cell=hits.cell[:end], cell_energy=hits.cell_energy[:end]
    )
    for streams, batch in [(1, 16), (2, 7)]:
        make = partial(engine_of(model, streams, batch).batches, rows, seed=4)
        cells = collected(make, (few, *card.cell_shape))
        assert np.array_equal(cells[5:], first.dense(card.cell_shape))


def test_energies_of_layers_are_those_of_the_steps(bundled):
    """What is drawn for the layers is what the hits add up to, but for hits below the threshold."""
    card = read_card(bundled)
    conditions = conditions_of(bundled, 200)
    offsets, cell, energy = made(bundled, conditions)
    showers = np.repeat(np.arange(200), np.diff(offsets))
    total = np.bincount(showers, energy, minlength=200)
    response = total / conditions.energy
    assert response.min() > 0.01 and response.max() < 0.04
    assert card.cell_shape[2] == len(np.unique(cell % card.cell_shape[2]))


def test_generate_takes_it_and_names_it(bundled):
    generator = load(bundled, runtime="native", threads=1)
    assert generator.name.endswith("(native)")
    low, high = generator.card.energy_range_gev
    showers = generator.sample(draw(3, f"{low}:{high}", seed=1), seed=2)
    assert showers.cells.shape == (3, *generator.card.cell_shape)


def test_impossible_conditions_are_refused(bundled):
    maker = native.Maker(native.Sampler(str(bundled)))
    for energy in (1.0, 600.0, np.nan):
        with pytest.raises(ValueError, match="outside the model's range"):
            maker.make(0, 0, np.float32([energy]), np.float32([np.pi / 2]))
    with pytest.raises(ValueError, match="one value a shower"):
        maker.make(0, 0, np.float32([50.0, 60.0]), np.float32([np.pi / 2]))


def test_models_without_tables_run_elsewhere_without_a_word(toy_model):
    with pytest.raises(ModelError, match="does not name its tables"):
        load(toy_model, runtime="native")
    generator = load(toy_model)
    assert generator.engine.plan.runtime != "native"
    assert not generator.notes


def test_there_is_nothing_to_tune(bundled):
    from typer.testing import CliRunner

    from caloforge.cli.app import app

    result = CliRunner().invoke(app, ["bench", "tune", str(bundled)])
    assert result.exit_code == 0, result.output
    assert "nothing to tune" in result.output


def test_no_shower_has_more_energy_than_its_layers_can(bundled):
    card = read_card(bundled)
    energy = np.geomspace(*card.energy_range_gev, 4000).astype(np.float32)
    theta = np.linspace(*card.theta_range_rad, 4000).astype(np.float32)
    offsets, _, hits = native.Maker(native.Sampler(str(bundled))).make(1, 0, energy, theta)
    assert (np.add.reduceat(hits, offsets[:-1]) < 0.1 * energy).all()
