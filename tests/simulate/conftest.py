"""A small production of the toy calorimeter, simulated once for all tests that read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import make_toy_detector

from caloforge.beam import Conditions
from caloforge.ranges import draw
from caloforge.simulate.data import DataSets, choose_data
from caloforge.simulate.request import Production
from caloforge.simulate.tables import cache_folder

SEED = 5


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Built-in tables in a folder of the tests' own, whatever data the machine has."""
    folder = tmp_path_factory.mktemp("cache")
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder))
    patch.delenv("G4LEDATA", raising=False)
    patch.delenv("GEANT4_DATA_DIR", raising=False)
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def built_in(own_cache: Path) -> DataSets:
    return choose_data("built-in", cache_folder())


@pytest.fixture(scope="session")
def toy_conditions() -> Conditions:
    return draw(7, "20:40", seed=SEED)


@pytest.fixture(scope="session")
def toy_production(toy_conditions: Conditions, built_in: DataSets) -> Production:
    """Seven electrons of about 30 GeV, in three or four shards."""
    return Production(make_toy_detector(), "fixed", "e-", toy_conditions, SEED, built_in)
