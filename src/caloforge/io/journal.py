"""The journal beside a file that is written for long: what a run that goes on must know."""

import json
from pathlib import Path
from typing import Any

from caloforge.atomic import partial_path, replacing
from caloforge.errors import InputError


class Journal:
    """How far a file has come of what was requested; outlives a kill, goes when the work is done.

    Attributes
    ----------
    found, done : whether there was one of this very request, and how many showers of it are in the
        partial file of ``path``.
    """

    def __init__(self, path: Path, request: dict[str, Any]) -> None:
        self._partial = partial_path(path)
        self.path = self._partial.with_suffix(".partial.json")
        self.request = request
        self._noted, done = self._read()
        self.found = self._noted == request
        self.done = done if self.found else 0

    def _read(self) -> tuple[dict[str, Any], int]:
        """The request that was noted, empty if none was, and how many showers are there."""
        try:
            found = json.loads(self.path.read_text())
            return dict(found["request"]), int(found["done"])
        except (OSError, ValueError, KeyError, TypeError):
            return {}, 0

    def check_same(self, key: str) -> None:
        """Refuse to go on with a file of the same request but for ``key``.

        Raises
        ------
        InputError
            if there is one.
        """
        mine, theirs = self.request.get(key), self._noted.get(key)
        if mine == theirs or self._noted | {key: mine} != self.request | {key: mine}:
            return
        raise begun_with_another(key, theirs, mine, self._partial)

    def note(self, done: int) -> None:
        """Write that ``done`` showers are there; OutputError if that fails."""
        with replacing(self.path) as partial:
            partial.write_text(json.dumps({"request": self.request, "done": done}))

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self.path.unlink(missing_ok=True)


def begun_with_another(what: str, begun: str | None, now: str | None, place: Path) -> InputError:
    """The refusal to go on at a place that was begun with another ``what``; None: not told."""
    msg = (
        f"{place} was begun with {begun or f'another {what}'}, the {what} is {now or 'none'} now "
        "and makes other showers of a seed: go on with that one, or begin in another place"
    )
    return InputError(msg)
