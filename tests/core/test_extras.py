"""Optional packages: what is missing is named with the extra that brings it."""

import re
import tomllib
from pathlib import Path

import pytest

from caloforge import _extras
from caloforge.errors import MissingExtraError

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def modules_of(extras, extra):
    """What pip installs with an extra, others that it names included, as Python imports it."""
    for requirement in extras[extra]:
        name, brought = re.match(r"([\w-]+)(?:\[(\w+)\])?", requirement).groups()
        if name == "caloforge":
            yield from modules_of(extras, brought)
        else:
            yield name.replace("-", "_")


def test_extras_bring_what_the_table_says():
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    by_others = {"dask"}  # distributed depends on it
    for extra, modules in _extras.EXTRAS.items():
        assert set(modules) - by_others <= set(modules_of(extras, extra)), extra


@pytest.mark.parametrize(
    ("needed", "extra"),
    [
        (_extras.TRAINING, "train"),
        (_extras.EXPORTING, "train"),
        (_extras.QUANTIZING, "quantize"),
        ((*_extras.TRAINING, "optuna"), "search"),
        (("geant4_pybind", *_extras.TRAINING, *_extras.EXPORTING), "simulate,train"),
    ],
)
def test_all_that_a_command_misses_comes_with_one_installation(needed, extra, monkeypatch):
    monkeypatch.setattr(_extras, "find_spec", lambda module: None)
    with pytest.raises(MissingExtraError) as refused:
        _extras.check_installed(*needed)
    assert f'pip install "caloforge[{extra}]"' in str(refused.value)
    assert all(str(refused.value).count(module) >= 1 for module in needed)
