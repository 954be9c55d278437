"""The training's log: JSON lines for programs, TensorBoard event files for eyes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from caloforge.atomic import replacing


class RunLog:
    """Appends to ``log.jsonl`` and ``tensorboard/`` of a run folder.

    A resumed run first drops the lines after its checkpoint (global step ``done``, ``epochs`` of
    them validated), because it will write them again.
    """

    def __init__(self, folder: Path, done: int, epochs: int) -> None:
        self.path = folder / "log.jsonl"
        if self.path.exists():
            self._forget_after(done, epochs)
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)

    def write(self, step: int, epoch: int, values: dict[str, Any]) -> None:
        """One line: global step, epoch (counted from 1) and named values."""
        with open(self.path, "a") as stream:
            stream.write(json.dumps({"step": step, "epoch": epoch, **values}) + "\n")
        for name, value in values.items():
            if isinstance(value, float):
                self.board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush the event file."""
        self.board.close()

    def _forget_after(self, done: int, epochs: int) -> None:
        lines = self.path.read_text().splitlines()
        with replacing(self.path) as partial:
            kept = [line for line in lines if _is_before(line, done, epochs)]
            partial.write_text("".join(line + "\n" for line in kept))


def _is_before(line: str, done: int, epochs: int) -> bool:
    """Whether a line was written before a checkpoint; one that a kill cut short never was."""
    try:
        values = json.loads(line)
        validated = "validation" in values and values["epoch"] > epochs
        return bool(values["step"] <= done) and not validated
    except (ValueError, KeyError):
        return False
