"""Samples to be compared: bundled Geant4 showers, and what becomes of them when spoilt."""

from dataclasses import dataclass

import numpy as np
import pytest

from caloforge.io import read
from caloforge.showers import Showers
from caloforge.validate.comparison import Comparison, compare
from caloforge.validate.result import ValidationResult
from caloforge.validate.suite import score
from caloforge.zoo import sample_path

HALF = 200


@dataclass(frozen=True)
class Case:
    comparison: Comparison
    result: ValidationResult


@pytest.fixture(scope="session")
def geant4() -> tuple[Showers, Showers]:
    """Two independent samples of real showers."""
    showers = read(sample_path("clic_ecal_fixed"), 0, 2 * HALF)
    return showers[:HALF], showers[HALF:]


def with_cells(showers: Showers, cells: np.ndarray) -> Showers:
    return Showers(cells.astype(np.float32), showers.energy, showers.theta, showers.detector)


def run(reference: Showers, generated: Showers) -> Case:
    comparison = compare([reference], [generated])
    return Case(comparison, score(comparison, seed=1))


@pytest.fixture(scope="session")
def good(geant4) -> Case:
    """Geant4 against Geant4."""
    return run(*geant4)


@pytest.fixture(scope="session")
def bad(geant4) -> Case:
    """Showers 10 % too bright, a layer too deep, and all of them half way to their mean."""
    reference, other = geant4
    share = other.cells / other.energy[:, None, None, None]
    share = 0.5 * share + 0.5 * share.mean(axis=0)
    cells = 1.1 * np.roll(share, 1, axis=3) * other.energy[:, None, None, None]
    return run(reference, with_cells(other, cells))
