"""A toy training that takes a second."""

from pathlib import Path

import pytest
from tests.conftest import make_showers

from caloforge import io

RECIPE = """
name = "toy"
seed = 3

[network]
name = "layered2d"
latent = 8
channels = 16
discriminator_channels = 16

[objective]
name = "gan"

[data]
validation_fraction = 0.2
augment = "square"

[training]
epochs = 2
batch_size = 8
log_every_steps = 3
checkpoint_every_seconds = 0
validation_showers = 16
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Also while what a whole module compares with is made: threads change the rounding."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def sample(tmp_path: Path, toy_detector) -> Path:
    path = tmp_path / "toy.h5"
    io.write(path, make_showers(toy_detector, 100))
    return path


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "toy.toml"
    path.write_text(RECIPE)
    return path
