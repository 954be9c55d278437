"""A model file as a source of showers: in memory, or as a stream."""

from collections.abc import Generator as Iteration
from contextlib import closing
from functools import partial
from pathlib import Path

from caloforge.beam import Conditions, ConditionsLike
from caloforge.card import ModelCard
from caloforge.engine import AskedPrecision, Engine, read_card
from caloforge.engine.base import HitEngine
from caloforge.engine.checked import load_checked
from caloforge.engine.choose import advice, choose_plan
from caloforge.engine.turned import batches_of, hits_of
from caloforge.hit_arrays import HitArrays
from caloforge.hits import Hits
from caloforge.impact import ImageImpact
from caloforge.showers import Showers
from caloforge.source import ShowerSource, Sink, collected
from caloforge.typing import FloatArray
from caloforge.zoo import model_path


class Generator(ShowerSource):
    """A source of showers that runs a model file.

    Shower i under a seed is the same whatever the batch size, the streams and the cores.

    Attributes
    ----------
    engine : what computes; its ``plan`` says in which runtime and precision.
    path : the file that fixes the showers.
    notes : lines for the user: what does not suit this machine, and what is used instead.
    """

    def __init__(self, engine: Engine, path: Path, notes: tuple[str, ...] = ()) -> None:
        self.engine, self.path, self.notes = engine, path, notes

    @property
    def card(self) -> ModelCard:
        """The model's card: detector, ranges, training data, scores."""
        return self.engine.card

    @property
    def name(self) -> str:
        """The model's name and the engine that runs it."""
        return f"{self.card.name} ({self.engine.plan.runtime})"

    def sample(self, conditions: ConditionsLike, *, seed: int) -> Showers:
        """One shower for each condition; plain numbers are energies (GeV) of perpendicular ones.

        An impact point that is given says where in its pad the particle enters; the showers say it
        from the middle of their image, which may be another pad's.

        Raises
        ------
        InputError
            if an energy or angle is impossible.
        RangeError
            if an energy or angle is outside the model's range.
        """
        asked, card = Conditions.like(conditions), self.card
        make = partial(self.batches, asked, seed=seed)
        cells = collected(make, (len(asked), *card.cell_shape))
        impact = None
        if asked.impact is not None:
            impact = ImageImpact(card.detector, card.window).of_cells(cells, asked)
        return Showers(
            cells, asked.energy, asked.theta, card.detector, card.particle, card.calibration,
            asked.phi, impact,
        )  # fmt: skip

    def batches(
        self, conditions: Conditions, sink: Sink, *, seed: int, start: int = 0
    ) -> Iteration[int]:
        """Make the showers from ``start`` on, batch by batch, on all streams of the engine.

        As :meth:`caloforge.source.ShowerSource.batches`; errors, at once, as of :meth:`sample`.
        """
        self.card.validity.check(conditions)
        return batches_of(self.engine, conditions, sink, seed=seed, start=start)

    def hits(self, conditions: ConditionsLike, *, seed: int, start: int = 0) -> Iteration[Hits]:
        """The showers from ``start`` on as hits, batch by batch, in order; errors as sample."""
        asked, card = Conditions.like(conditions), self.card
        card.validity.check(asked)
        places = None if asked.impact is None else ImageImpact(card.detector, card.window)
        with closing(_hits(self.engine, asked, seed, start)) as batches:
            for first, hits in batches:
                part = asked[first : first + len(hits.offsets) - 1]
                yield Hits(
                    *hits, part.energy, part.theta, card.detector, card.window, card.particle,
                    card.calibration, part.phi,
                    None if places is None else places.of_hits(hits, part),
                )  # fmt: skip


def load(
    name_or_path: str | Path,
    *,
    runtime: str = "auto",
    precision: AskedPrecision = "auto",
    threads: int | None = None,
    streams: int | None = None,
    batch: int | None = None,
    aslant: bool = False,
) -> Generator:
    """Load a bundled model by name, or a model file, ready to make showers.

    ``threads`` is the number of cores to use (all if None), ``streams`` how many batches are
    computed side by side on them, ``batch`` the showers in a batch. ``runtime`` is a name of
    :data:`caloforge.engine.RUNTIMES`, or ``auto``: the fastest that is installed and runs the model
    rightly; the generator's notes say what was passed over. ``aslant``: what ``auto`` chooses must
    make showers of any phi.

    Raises
    ------
    ModelError
        if there is no such model, or the file is not a caloforge model.
    InputError
        if the runtime is unknown, the precision is not to be had here, or there are fewer threads
        than streams.
    MissingExtraError
        if a runtime is asked for that is not installed.
    """
    path = model_path(name_or_path)
    card = read_card(path)
    plan = choose_plan(
        path, card, runtime=runtime, precision=precision, threads=threads,
        streams=streams, batch=batch, aslant=aslant,
    )  # fmt: skip
    engine, passed_over = load_checked(path, plan, card, fixed=runtime != "auto")
    notes = (passed_over, advice(card, engine.plan))
    return Generator(engine, path, tuple(note for note in notes if note is not None))


def _hits(
    engine: Engine, conditions: Conditions, seed: int, start: int
) -> Iteration[tuple[int, HitArrays]]:
    """As of HitEngine, also from an engine that makes cells."""
    if isinstance(engine, HitEngine):
        yield from hits_of(engine, engine.card, conditions, seed=seed, start=start)
        return
    found: dict[int, HitArrays] = {}

    def keep(first: int, cells: FloatArray) -> None:
        found[first] = HitArrays.of(cells)

    for stop in batches_of(engine, conditions, keep, seed=seed, start=start):
        while start < stop:
            batch = found.pop(start)
            yield start, batch
            start += len(batch.offsets) - 1
