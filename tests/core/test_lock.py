"""Locks and claims: one writer of an output, whatever the file system."""

import errno
import fcntl

import pytest

from caloforge.atomic import replacing
from caloforge.errors import OutputError
from caloforge.lock import _is_at, claimed, hold


def test_an_output_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "out.h5"
    refused = pytest.raises(OutputError, match="another process is writing it")
    with claimed(path), refused, claimed(path):
        pass
    with claimed(path):
        pass
    assert list(tmp_path.iterdir()) == []


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
