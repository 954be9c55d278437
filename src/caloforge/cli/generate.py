"""``caloforge generate``: showers from a model, into a file."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.options import (
    MOST_CORES,
    SAMPLE_ENDING,
    Batch,
    Compression,
    Model,
    Number,
    OutputFile,
    SampleLike,
    Seed,
    ShowerCount,
    Threads,
    check_output,
    parse_compression,
    shower_progress,
    stderr,
)
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading
from caloforge.engine.plan import AskedPrecision
from caloforge.engine.runtimes import RUNTIMES
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.beam import Conditions
    from caloforge.card import ModelCard

AskedRuntime = Enum("AskedRuntime", {name: name for name in ("auto", *RUNTIMES)})  # type: ignore[misc]


def generate(
    model: Model,
    output: OutputFile,
    n: Number = None,
    energy: Annotated[
        str | None,
        typer.Option(help="Primary energy in GeV: 100, 10:500 (uniform) or log:10:500."),
    ] = None,
    theta: Annotated[str | None, typer.Option(help="Polar angle in degrees: 90 or 60:120.")] = None,
    like: SampleLike = None,
    seed: Seed = 0,
    compression: Compression = "none",
    runtime: Annotated[
        AskedRuntime, typer.Option(help="auto is the fastest that is installed and right.")
    ] = AskedRuntime["auto"],
    precision: Annotated[
        AskedPrecision, typer.Option(help="auto is what the model is meant for.")
    ] = "auto",
    threads: Threads = None,
    streams: Annotated[
        int | None,
        typer.Option(
            min=1, max=MOST_CORES, help="Batches computed side by side; one a core by default."
        ),
    ] = None,
    batch: Batch = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Generate showers with a trained model.

    A killed run is continued by the same command. Energies and angles default to the model's
    whole range, uniformly.
    """
    from caloforge.generate import generate_file, load

    chosen_compression = parse_compression(compression)
    check_output(output, SAMPLE_ENDING)
    generator = load(
        model, runtime=runtime.value, precision=precision, threads=threads, streams=streams,
        batch=batch,
    )  # fmt: skip
    conditions = _conditions(
        generator.card, n, energy, theta, like, seed, Reading(detector, layout, where)
    )
    for note in generator.notes:
        stderr.print(f"note: {note}", soft_wrap=True, highlight=False)
    stderr.print(f"{generator.card.name} runs in {generator.engine.plan}", highlight=False)
    with shower_progress() as progress:
        count = ShowerCount(progress, f"generating {output.name}", len(conditions))
        seconds = generate_file(
            generator, conditions, output, seed=seed, compression=chosen_compression,
            on_progress=count,
        )  # fmt: skip
    each = 1e3 * seconds / max(len(conditions) - count.before, 1)
    stderr.print(f"{output}: {len(conditions)} showers, {each:.3f} ms each with the file written")


def _conditions(
    card: "ModelCard",
    n: int | None,
    energy: str | None,
    theta: str | None,
    like: Path | None,
    seed: int,
    reading: Reading,
) -> "Conditions":
    """The conditions that the options ask for."""
    from caloforge.beam import draw, extremes
    from caloforge.units import degree

    if like is not None:
        if energy is not None or theta is not None:
            msg = "--like already gives energies and angles: leave out --energy and --theta"
            raise InputError(msg)
        return _conditions_like(card, like, n, reading)
    if n is None:
        msg = "the number of showers is missing: give -n N, or --like SAMPLE"
        raise InputError(msg)
    low, high = card.energy_range_gev
    angles = [angle / degree for angle in card.theta_range_rad]
    asked = (
        f"{low:g}:{high:g}" if energy is None else energy,
        f"{angles[0]:.6g}:{angles[1]:.6g}" if theta is None else theta,
    )
    card.check_range(extremes(*asked))
    return draw(n, *asked, seed=seed)


def _conditions_like(
    card: "ModelCard", like: Path, n: int | None, reading: Reading
) -> "Conditions":
    """The first n conditions of a sample, from its start again if it has fewer."""
    with reading.open(like) as sample:
        card.check_detector(sample.detector, sample.window, where=like)
        card.check_particle(sample.particle, where=like)
        return sample.conditions.repeated(n or len(sample))
