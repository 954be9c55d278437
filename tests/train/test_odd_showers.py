"""Showers that a training must leave out, must not mirror, or that fill the window."""

import json

import numpy as np
import pytest
from tests.conftest import make_showers
from tests.train.test_training import Silent

torch = pytest.importorskip("torch")

from caloforge import io  # noqa: E402
from caloforge.errors import InputError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.generator import (  # noqa: E402
    FactorisedGenerator,
    FactorisedOptions,
)
from caloforge.train.data import TrainingData  # noqa: E402
from caloforge.train.files import ShowerFiles  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import DataOptions, load_recipe  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402


@pytest.mark.parametrize("cache", ["memory", "stream"])
def test_empty_showers_are_left_out_and_counted(toy_detector, tmp_path, cache):
    showers = make_showers(toy_detector, 60)
    showers.cells[::4] = 0.0
    io.write(tmp_path / "some.h5", showers)
    files = ShowerFiles([tmp_path / "some.h5"])
    data = TrainingData(files, DataOptions(cache=cache), batch_size=4, seed=1)
    assert data.empty == 15 and len(files) == 60
    for make in data.batches(0):
        assert (make().cells.sum(dim=(1, 2, 3)) > 0).all()
    assert (data.validation(100).cells.sum(axis=(1, 2, 3)) > 0).all()


def test_a_file_of_empty_showers_is_refused(toy_detector, tmp_path):
    showers = make_showers(toy_detector, 20)
    showers.cells[:] = 0.0
    io.write(tmp_path / "none.h5", showers)
    with pytest.raises(InputError, match=r"20 showers \(20 of them empty\) leave 0 for training"):
        files = ShowerFiles([tmp_path / "none.h5"])
        TrainingData(files, DataOptions(), batch_size=4, seed=1)


def towers(detector, size, *pads):
    """Showers whose energy is mostly in the towers at some pads of images of size x size."""
    window = detector.windows["fixed"].model_copy(update={"shape": (size, size)})
    detector = detector.model_copy(update={"windows": {"fixed": window}})
    showers = make_showers(detector, 40)
    showers.cells[:] *= 0.1
    for pad in pads:
        showers.cells[:, pad, pad] += 0.004 * showers.energy[:, None] / len(pads)
    return showers


@pytest.mark.parametrize("kind", ["square", "mirror"])
def test_images_are_mirrored_about_the_pad_they_are_centred_on(toy_detector, tmp_path, kind):
    """The middle of an image of odd size, of an even one its middle or the pad behind that."""
    for name, size, pads in (
        ("odd", 5, (2,)),
        ("between", 6, (2, 3)),
        ("behind", 6, (3,)),
        ("beside", 6, (4,)),
    ):
        io.write(tmp_path / f"{name}.h5", towers(toy_detector, size, *pads))

    def data(name, kind=kind):
        files = ShowerFiles([tmp_path / f"{name}.h5"])
        return TrainingData(files, DataOptions(augment=kind), batch_size=4, seed=1)

    assert [data(name).beside for name in ("odd", "between", "behind")] == [(0, 0), (0, 0), (1, 1)]
    with pytest.raises(InputError, match=r"or the pad behind it, but showers lie \+1\.\d\d pads"):
        data("beside")
    assert data("beside", "none").beside == (0, 0)
    for make in data("behind").batches(0):
        towers_of = make().cells.sum(3)
        assert (towers_of.flatten(1).argmax(1) == 3 * 6 + 3).all()


def test_showers_that_all_lean_are_mirrored_about_the_pad_that_x_tells(toy_detector, tmp_path):
    showers = towers(toy_detector, 6, 3)
    showers.theta[:] = 1.2
    io.write(tmp_path / "lean.h5", showers)
    files = ShowerFiles([tmp_path / "lean.h5"])
    data = TrainingData(files, DataOptions(augment="mirror"), batch_size=4, seed=1)
    assert data.beside == (1, 1)


def test_a_square_of_showers_behind_the_middle_along_x_alone_is_refused(toy_detector, tmp_path):
    showers = towers(toy_detector, 6, 3)
    showers.cells[:] = np.roll(showers.cells, -1, axis=2) + showers.cells
    io.write(tmp_path / "x.h5", showers)
    files = ShowerFiles([tmp_path / "x.h5"])
    with pytest.raises(InputError, match="one place along x and y"):
        TrainingData(files, DataOptions(augment="square"), batch_size=4, seed=1)
    mirrored = TrainingData(files, DataOptions(augment="mirror"), batch_size=4, seed=1)
    assert mirrored.beside == (1, 0)


def test_a_window_as_large_as_the_image_is_no_window():
    domain = Domain(shape=(5, 5, 3), energy_range_gev=(1, 10), theta_range_rad=(1.57, 1.57))
    generator = FactorisedGenerator(FactorisedOptions(window=(5, 5)), domain)
    assert generator.halo is None and generator.axis.whole


def test_the_card_s_validation_number_has_its_floor(sample, recipe_file, tmp_path):
    trained = Training(load_recipe(recipe_file), [sample], tmp_path / "run", Silent()).run()
    score = load_trained(tmp_path / "run")[1].scores["validation_number"]
    assert score.value == trained.best_score and score.error > 0
    assert score.floor == pytest.approx(trained.floor)


def test_a_training_that_is_refused_leaves_run_json_alone(sample, recipe_file, tmp_path):
    """While another process holds the folder, nothing in it is written."""
    recipe = load_recipe(recipe_file)
    Training(recipe, [sample], tmp_path / "run", Silent()).run()
    before = json.loads((tmp_path / "run" / "run.json").read_text())
    second = Training(recipe.with_epochs(7), [sample], tmp_path / "run", Silent())
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == before
    with second.folder.exclusive():
        now = json.loads((tmp_path / "run" / "run.json").read_text())
        assert now["recipe"]["training"]["epochs"] == 7
