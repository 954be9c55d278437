"""A teacher: a model that makes any number of showers to learn from, beside those of the files.

Its showers are a function of (seed, epoch, step), made by ONNX Runtime whatever else is installed,
so that a run learns the same on every machine.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch

from caloforge.beam import Conditions
from caloforge.engine import load_engine, read_card
from caloforge.engine.choose import choose_plan
from caloforge.engine.latent import draw_latent
from caloforge.errors import ConfigError
from caloforge.networks.base import GeneratorNetwork
from caloforge.networks.objective import Batch
from caloforge.provenance import file_digest
from caloforge.ranks import group
from caloforge.source import collected
from caloforge.spread import Spread
from caloforge.train.files import ShowerFiles
from caloforge.train.recipe import TeacherOptions
from caloforge.typing import BoolArray
from caloforge.zoo import model_path

STREAM = 6
"""Tells these random numbers from others of the same seed, epoch and step."""


class Teacher:
    """Batches of a model's showers for the training on some files.

    Energies and angles are drawn from ``rows`` of the files, energies from ``options.energy`` where
    it is given; every condition is met ``options.repeats`` times in turn.

    Raises :class:`ModelError` for a model that cannot be read, :class:`DetectorError` or
    :class:`InputError` for one of other showers, :class:`ConfigError` where a batch cannot be cut
    into repeats.
    """

    def __init__(
        self,
        options: TeacherOptions,
        files: ShowerFiles,
        rows: BoolArray,
        *,
        batch_size: int,
        seed: int,
    ) -> None:
        path = model_path(options.model)
        card = read_card(path)
        plan = choose_plan(path, card, runtime="onnx", threads=torch.get_num_threads())
        self.engine = load_engine(path, plan, card)
        self.options, self.seed, self.digest = options, seed, file_digest(path)
        self.rank_rows = group.rows_of_rank(batch_size)
        first, where = files.read_run(0, 1), "the training data"
        card.check_detector(first.detector, first.window, where=where)
        card.check_particle(first.particle, where=where)
        card.check_calibration(first.calibration, where=where)
        if (self.rank_rows.stop - self.rank_rows.start) % options.repeats:
            msg = (
                f"a batch of {batch_size} on {group.size()} ranks is not cut into "
                f"data.teacher.repeats of {options.repeats}"
            )
            raise ConfigError(msg)
        self.conditions = batch_size // options.repeats
        self.energy, self.theta = files.energy[rows], files.theta[rows]
        card.validity.check(self._drawn(np.random.default_rng(0), 64))

    @property
    def description(self) -> dict[str, Any]:
        """The teacher as a run folder's description has it."""
        return {"model": self.engine.card.name, "digest": self.digest}

    def teaches(self, epoch: int, step: int) -> bool:
        """Whether this step is the teacher's."""
        rng = np.random.default_rng([self.seed, STREAM, epoch, step, 0])
        return bool(rng.random() < self.options.share)

    def batch(self, epoch: int, step: int) -> Batch:
        """This rank's rows of the teacher's batch for a step."""
        rng = np.random.default_rng([self.seed, STREAM, epoch, step, 1])
        drawn = self._drawn(rng, self.conditions)
        repeats = self.options.repeats
        asked = drawn[np.repeat(np.arange(len(drawn)), repeats)[self.rank_rows]]
        seed = int(rng.integers(2**62)) + group.rank()
        shape = (len(asked), *self.engine.card.cell_shape)
        cells = collected(partial(self.engine.batches, asked, seed=seed), shape)
        latent = None
        if self.options.same_latent:
            latent = torch.from_numpy(draw_latent(self.engine.card.latent, seed, 0, len(asked)))
        return Batch(
            torch.from_numpy(cells),
            torch.from_numpy(asked.energy.copy()),
            torch.from_numpy(asked.theta.copy()),
            repeats,
            latent,
        )

    def check_latent(self, generator: GeneratorNetwork) -> None:
        """Raise :class:`ConfigError` if the network's latent is another than the teacher's."""
        latent = self.engine.card.latent
        mine = (generator.latent_dim, generator.latent_distribution)
        if self.options.same_latent and (latent.dim, latent.distribution) != mine:
            msg = (
                f"the teacher {self.engine.card.name} has {latent.dim} {latent.distribution} "
                f"latent numbers, the network {mine[0]} {mine[1]}: data.teacher.same_latent needs "
                "the same"
            )
            raise ConfigError(msg)

    def _drawn(self, rng: np.random.Generator, n: int) -> Conditions:
        rows = rng.integers(len(self.energy), size=n)
        energy = self.energy[rows]
        if self.options.energy is not None:
            energy = Spread.parse(self.options.energy).draw(n, rng)
        return Conditions(energy, self.theta[rows])
