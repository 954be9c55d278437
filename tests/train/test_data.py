from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.conftest import make_showers

from caloforge import io
from caloforge.errors import ConfigError, InputError
from caloforge.ranks import group
from caloforge.train.data import TrainingData
from caloforge.train.files import ShowerFiles
from caloforge.train.recipe import DataOptions


@pytest.fixture
def paths(tmp_path, toy_detector, monkeypatch):
    monkeypatch.setattr(ShowerFiles, "run_rows", 16)
    found = []
    for index, rows in enumerate((50, 37, 3)):
        found.append(tmp_path / f"{index}.h5")
        io.write(found[-1], make_showers(toy_detector, rows, seed=index))
    return found


def training_data(paths, **options):
    return TrainingData(ShowerFiles(paths), DataOptions(**options), batch_size=8, seed=1)


def made(data, epoch, first_step=0):
    return [make() for make in data.batches(epoch, first_step)]


def energies(data, epoch, first_step=0):
    return [batch.energy.tolist() for batch in made(data, epoch, first_step)]


@pytest.mark.parametrize("shuffle", [16, 48, 10_000])
def test_streaming_gives_the_batches_that_memory_gives(paths, shuffle):
    memory = training_data(paths, cache="memory", shuffle_showers=shuffle, augment="square")
    stream = training_data(paths, cache="stream", shuffle_showers=shuffle, augment="square")
    assert memory.in_memory is not None and stream.in_memory is None
    pairs = list(zip(made(memory, 3), made(stream, 3), strict=True))
    assert len(pairs) == memory.steps_per_epoch
    for one, other in pairs:
        assert one.cells.equal(other.cells) and one.energy.equal(other.energy)


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_an_epoch_resumed_in_its_middle_goes_on_as_it_would_have(paths, cache):
    data = training_data(paths, cache=cache, shuffle_showers=32, augment="square")
    whole = made(data, 2)
    rest = made(data, 2, first_step=5)
    assert len(rest) == len(whole) - 5
    assert all(a.cells.equal(b.cells) for a, b in zip(whole[5:], rest, strict=True))


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_ranks_bring_the_rows_of_one_process_each_once(paths, cache, monkeypatch):
    options = {"cache": cache, "shuffle_showers": 32, "augment": "square"}
    whole = made(training_data(paths, **options), 1, first_step=2)
    monkeypatch.setattr(group, "size", lambda: 4)
    monkeypatch.setattr(group, "from_first", lambda make: make())
    parts = []
    for rank in range(4):
        monkeypatch.setattr(group, "rank", lambda rank=rank: rank)
        parts.append(made(training_data(paths, **options), 1, first_step=2))
    for batch, *shared in zip(whole, *parts, strict=True):
        assert [len(part) for part in shared] == [2] * 4
        assert np.array_equal(np.concatenate([part.cells for part in shared]), batch.cells)
        assert np.array_equal(np.concatenate([part.energy for part in shared]), batch.energy)
    monkeypatch.setattr(group, "size", lambda: 3)
    with pytest.raises(ConfigError, match="batch of 8 cannot be shared equally by 3 ranks"):
        training_data(paths)


def test_an_epoch_shows_each_training_shower_once_and_no_validation_shower(paths):
    data = training_data(paths, validation_fraction=0.2)
    drawn = np.concatenate(data.groups(0))
    assert sorted(drawn) == np.flatnonzero(data.is_training).tolist()
    held_out = data.files.energy[data.validation_rows]
    assert len(held_out) == 18
    assert not set(np.concatenate(energies(data, 0))) & set(held_out.tolist())
    assert np.array_equal(data.validation(1000).energy, held_out)


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_an_epoch_of_several_passes_is_several_epochs(paths, cache):
    whole = training_data(paths, cache=cache)
    long = training_data(paths, cache=cache, passes=3)
    showers = int(whole.is_training.sum())
    assert long.steps_per_epoch == 3 * showers // 8
    shown = np.concatenate(energies(long, 1))
    once = np.concatenate(energies(whole, 3))
    np.testing.assert_array_equal(shown[: len(once)], once)
    _, times = np.unique(shown, return_counts=True)
    assert times.sum() == 8 * long.steps_per_epoch and times.max() == 3 and len(times) == showers


def test_epochs_differ_and_the_seed_decides(paths):
    data = training_data(paths)
    assert energies(data, 0) != energies(data, 1)
    assert energies(data, 1) == energies(training_data(paths), 1)


def test_the_range_is_rounded_outwards(paths):
    domain = training_data(paths).domain()
    low, high = domain.energy_range_gev
    files = ShowerFiles(paths)
    assert low <= files.energy.min() < 1.1 * low and high / 1.1 < files.energy.max() <= high
    assert domain.theta_range_rad == (pytest.approx(np.pi / 2),) * 2


def test_the_first_showers_of_each_file_can_be_asked_for(paths):
    files = ShowerFiles(paths, limit=10)
    assert len(files) == 23
    assert np.array_equal(files.read_rows(np.array([22, 0, 11])).energy, files.energy[[22, 0, 11]])


def test_files_of_one_name_are_told_apart(tmp_path, toy_detector):
    paths = [tmp_path / folder / "part.h5" for folder in ("first", "second")]
    for number, path in enumerate(paths):
        path.parent.mkdir()
        io.write(path, make_showers(toy_detector, 10 + number))
    found = ShowerFiles(paths).description()
    assert {name: entry["showers"] for name, entry in found.items()} == {
        str(paths[0]): 10, str(paths[1]): 11,
    }  # fmt: skip
    assert list(ShowerFiles(paths[:1]).description()) == ["part.h5"]


def test_files_that_do_not_fit_together_are_refused(paths, tmp_path, toy_detector):
    other = tmp_path / "other.h5"
    io.write(other, make_showers(toy_detector, 20, window="angle"))
    with pytest.raises(InputError, match=r"other\.h5 and .* differ in detector or image shape"):
        ShowerFiles([paths[0], other])
    with pytest.raises(InputError, match='use "mirror" or "none"'):
        training_data([other], augment="square")
    oblong = toy_detector.model_copy(update={"pad_mm": (5.0, 6.0)})
    io.write(other, make_showers(oblong, 20))
    with pytest.raises(InputError, match=r'5 x 6 mm .*use "mirror" or "none"'):
        training_data([other], augment="square")
    rings = toy_detector.model_copy(update={"readout": "cylinder"})
    io.write(other, make_showers(rings, 20))
    with pytest.raises(InputError, match='got the readout "cylinder": use "circle" or "none"'):
        training_data([other], augment="mirror")
    with pytest.raises(InputError, match="fewer than one batch of 8"):
        training_data([paths[2]])


def test_showers_that_lean_out_of_the_plane_are_refused(tmp_path, toy_detector):
    made, path = make_showers(toy_detector, 20, window="angle"), tmp_path / "a.h5"
    for phi in (np.pi / 2, np.pi * 1.5, 0.3):
        io.write(path, replace(made, phi=np.full(20, phi)))
        if phi > 1:
            assert len(ShowerFiles([path])) == 20
    with pytest.raises(InputError, match=r"a.h5 holds .* out of the y-z plane \(phi 17.19 degrees"):
        ShowerFiles([path])


def test_files_with_impact_points_go_with_others(paths, toy_detector):
    told = replace(make_showers(toy_detector, 37, seed=1), impact=np.ones((37, 2)))
    plain = energies(training_data(paths), 0)
    io.write(paths[1], told)
    assert energies(training_data(paths), 0) == plain


def test_a_model_may_be_for_more_than_the_showers_reach_by_chance(paths):
    own = training_data(paths).domain()
    wider = training_data(paths, energy_gev=(1.0, 900.0), theta_deg=(60.0, 120.0)).domain()
    assert wider.energy_range_gev == (1.0, 900.0)
    assert np.allclose(np.degrees(wider.theta_range_rad), [60.0, 120.0], atol=1e-4)
    assert training_data(paths, energy_gev=own.energy_range_gev).domain() == own
    narrower = training_data(paths, energy_gev=(50.0, 51.0)).domain()
    assert narrower.energy_range_gev == own.energy_range_gev


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_showers_that_lean_back_are_trained_at_the_angle_that_says_so(
    tmp_path, toy_detector, cache
):
    """Of phi 270 degrees, theta is that of phi 90 on the other side of 90."""
    told = replace(make_showers(toy_detector, 40, seed=1), theta=np.full(40, 1.2, np.float32))
    back = np.arange(40) % 2 == 0
    phi = np.where(back, 1.5 * np.pi, 0.5 * np.pi).astype(np.float32)
    io.write(tmp_path / "told.h5", replace(told, phi=phi))
    data = training_data([tmp_path / "told.h5"], cache=cache)
    wanted = np.where(back, np.float32(np.pi) - np.float32(1.2), np.float32(1.2))
    assert np.array_equal(data.files.theta, wanted)
    angle_of = dict(zip(told.energy.tolist(), wanted.tolist(), strict=True))
    for batch in made(data, 0):
        assert batch.theta.tolist() == [angle_of[energy] for energy in batch.energy.tolist()]
    read = data.files.read_rows(np.array([3, 4]))
    assert read.phi is None and np.array_equal(read.theta, wanted[3:5])
