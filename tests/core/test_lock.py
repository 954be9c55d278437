"""Locks and claims: one writer of an output, whatever the file system."""

import errno
import fcntl

import numpy as np
import pytest

from caloforge import io
from caloforge.atomic import replacing
from caloforge.convert import convert
from caloforge.errors import OutputError
from caloforge.lock import _is_at, claimed, hold
from caloforge.showers import Showers
from caloforge.validate.folder import check_folder, report_folder


def test_an_output_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "out.h5"
    refused = pytest.raises(OutputError, match="another process is writing it")
    with claimed(path), refused, claimed(path):
        pass
    with claimed(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_every_writer_claims_its_output(tmp_path, toy_detector):
    shape = toy_detector.cell_shape(next(iter(toy_detector.windows)))
    showers = Showers(np.full((2, *shape), 1e-4), [10.0, 20.0], [1.5, 1.5], toy_detector)
    io.write(tmp_path / "in.h5", showers)
    refused = pytest.raises(OutputError, match="another process is writing it")
    with io.open_showers(tmp_path / "in.h5") as sample:
        for layout in ("gan3d", "hits"):
            with claimed(tmp_path / "out.h5"), refused:
                convert(sample, tmp_path / "out.h5", layout=layout)
    with claimed(tmp_path / "out.h5"), refused:
        io.write(tmp_path / "out.h5", showers)
    with report_folder(tmp_path / "report"), refused:
        check_folder(tmp_path / "report")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h5", "report"]


def test_a_lock_whose_file_was_removed_is_none(tmp_path):
    path = tmp_path / "a.lock"
    with path.open("a") as stream:
        assert _is_at(path, stream)
        path.unlink()
        assert not _is_at(path, stream)
        with path.open("a"):
            assert not _is_at(path, stream)


def test_where_there_are_no_locks_outputs_are_written_all_the_same(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with replacing(tmp_path / "a.json") as partial:
        partial.write_text("{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    with pytest.raises(OutputError, match=r"cannot lock .*: No locks available"):
        hold(tmp_path / "queue.lock")
