"""What has been done in a folder: each step with its command and the digests of what it read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from caloforge.atomic import replacing
from caloforge.errors import OutputError
from caloforge.io.parts import sample_digest
from caloforge.lock import claimed
from caloforge.make.steps import MakeStep
from caloforge.provenance import versions

JOURNAL, LOCKED = "make.json", "make"
KNOWN = (JOURNAL, f"{JOURNAL}.lock", f"{LOCKED}.lock")
"""What may be in a folder that is new."""


class StepJournal:
    """The journal of a folder, new or to go on with.

    Raises
    ------
    OutputError
        if the folder cannot be written, holds something else, or what was asked for is another.
    """

    def __init__(self, folder: Path, asked: dict[str, Any]) -> None:
        self.folder, self.path = folder, folder / JOURNAL
        self.content: dict[str, Any] = {"asked": asked, "steps": {}, "notes": {}}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            present = {entry.name for entry in folder.iterdir()} - set(KNOWN)
            stored = json.loads(self.path.read_text()) if self.path.exists() else None
        except OSError as problem:
            msg = f"cannot use {folder}: {problem.strerror}"
            raise OutputError(msg) from None
        except ValueError as problem:
            msg = f"{self.path} is damaged, name a new folder: {problem}"
            raise OutputError(msg) from None
        if stored is not None and (stored["steps"] or stored["asked"] == asked):
            self._compare(stored["asked"])
            self.content = stored
        elif present:
            msg = f"{folder} holds something else ({min(present)}): name a new folder"
            raise OutputError(msg)

    def _compare(self, stored: dict[str, Any]) -> None:
        asked = self.content["asked"]
        for key in asked:
            if stored.get(key) != asked[key]:
                msg = (
                    f"{self.folder} holds another model: {key} is {stored.get(key)!r} there and "
                    f"{asked[key]!r} here; name a new folder"
                )
                raise OutputError(msg)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep others out of the folder; OutputError if one is at work in it."""
        with claimed(self.folder / LOCKED):
            self.write()
            yield

    def is_done(self, step: MakeStep) -> bool:
        """Whether a step has been done with these very inputs, and its output is still there."""
        noted = self._noted(step)
        return bool(noted) and step.output.exists() and noted["key"] == _key(step)

    def note(self, step: MakeStep, seconds: float) -> None:
        """Note a step that is done."""
        of_output = self.content["steps"].setdefault(str(step.output), {})
        of_output[step.name] = {"key": _key(step), "seconds": round(seconds, 1)}
        self.write()

    def seconds(self, step: MakeStep) -> float:
        """What a step took when it was done; 0 where it was not."""
        return float(self._noted(step).get("seconds", 0.0))

    def remember(self, name: str, value: Any) -> None:
        """Keep a finding, plain data, for later calls."""
        self.content["notes"][name] = value
        self.write()

    def recall(self, name: str) -> Any:
        """A finding that was kept, None if there is none."""
        return self.content["notes"].get(name)

    def _noted(self, step: MakeStep) -> dict[str, Any]:
        """What was noted of a step; nothing, if it was never done."""
        noted: dict[str, Any] = self.content["steps"].get(str(step.output), {}).get(step.name, {})
        return noted

    def write(self) -> None:
        """Write the journal; OutputError if that fails."""
        self.content["versions"] = versions()
        with replacing(self.path) as partial:
            partial.write_text(json.dumps(self.content, indent=2) + "\n")


def _key(step: MakeStep) -> dict[str, Any]:
    return {
        "command": list(step.words),
        "inputs": {str(path): sample_digest(path) for path in step.inputs},
    }
