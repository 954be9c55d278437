"""The journal beside a file that is written for long: what a run that goes on must know."""

import json
from pathlib import Path
from typing import Any

from caloforge.atomic import partial_path, replacing


class Journal:
    """How far a file has come of what was requested; outlives a kill, goes when the work is done.

    Attributes
    ----------
    found, done : whether there was one of this very request, and how many showers of it are in the
        partial file of ``path``.
    """

    def __init__(self, path: Path, request: dict[str, Any]) -> None:
        self.path = partial_path(path).with_suffix(".partial.json")
        self.request = request
        noted = self._read()
        self.found, self.done = noted is not None, noted or 0

    def _read(self) -> int | None:
        try:
            found = json.loads(self.path.read_text())
            return int(found["done"]) if found["request"] == self.request else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def note(self, done: int) -> None:
        """Write that ``done`` showers are there; OutputError if that fails."""
        with replacing(self.path) as partial:
            partial.write_text(json.dumps({"request": self.request, "done": done}))

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self.path.unlink(missing_ok=True)
