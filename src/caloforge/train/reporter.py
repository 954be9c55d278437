"""Who hears how a training goes."""

from typing import Protocol


class TrainingReporter(Protocol):
    """Who hears how the training goes."""

    def start(self, epochs: int, steps_per_epoch: int, batch_size: int, done: int) -> None:
        """The training begins, ``done`` of its steps already taken."""
        ...

    def step(self, epoch: int, values: dict[str, float]) -> None:
        """A step was taken; ``values`` is empty where it measured instead of training."""
        ...

    def epoch(self, epoch: int, score: float, best: bool) -> None:
        """An epoch (counted from 1) ended with this validation number.

        Not called for epochs after which the generator makes no showers yet.
        """
        ...
