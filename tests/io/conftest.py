"""Samples that the tests of layouts convert."""

import pytest

from caloforge import io
from caloforge.convert import convert


@pytest.fixture
def sample(tmp_path, toy_showers):
    """The toy's showers with all their cells."""
    path = tmp_path / "dense.h5"
    io.write(path, toy_showers)
    return path


@pytest.fixture
def hits_file(tmp_path, sample):
    """The same as hits."""
    path = tmp_path / "hits.h5"
    with io.open_showers(sample) as file:
        convert(file, path, layout="hits")
    return path
