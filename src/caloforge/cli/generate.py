"""``caloforge generate``: showers from a model, into a file."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from caloforge.cli.conditions import conditions_like, nothing_else
from caloforge.cli.generate_parts import MOST_PARTS, in_parts
from caloforge.cli.options import (
    MOST_CORES,
    SAMPLE_ENDING,
    Batch,
    Compression,
    Energy,
    Impact,
    Model,
    Number,
    OutputFile,
    Phi,
    SampleLike,
    Seed,
    ShowerCount,
    Theta,
    Threads,
    check_output,
    parse_compression,
    shower_progress,
    stderr,
)
from caloforge.cli.reading import DetectorOption, MapOption, Reading
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
    energy: Energy = None,
    theta: Theta = None,
    phi: Phi = None,
    impact: Impact = None,
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
    layout: Annotated[
        Literal["gan3d", "hits"] | None,
        typer.Option(
            help="gan3d (default) holds every cell, hits (default of parts) those with energy."
        ),
    ] = None,
    parts: Annotated[
        int | None,
        typer.Option(min=1, max=MOST_PARTS, help="Make a folder of so many files instead."),
    ] = None,
    part: Annotated[
        int | None, typer.Option(min=0, help="Make this part alone (0 is the first): Slurm arrays.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of a Dask scheduler whose workers (that see the folder) make them."
        ),
    ] = None,
    detector: DetectorOption = None,
    from_layout: Annotated[
        str | None, typer.Option(help="Layout of the sample --like, if it is ambiguous.")
    ] = None,
    where: MapOption = None,
) -> None:
    """Generate showers with a trained model.

    A killed run is continued by the same command. Energies and angles default to the model's
    whole range, uniformly.
    """
    from caloforge.engine import read_card
    from caloforge.generate import generate_file, load
    from caloforge.turn import leans_aslant
    from caloforge.zoo import model_path

    if parts is not None:
        in_parts(
            model, output, n, parts=parts, part=part, scheduler=scheduler, energy=energy,
            theta=theta, phi=phi, impact=impact, like=like, seed=seed, layout=layout or "hits",
            compression=compression, runtime=runtime.value, precision=precision, threads=threads,
            batch=batch,
        )  # fmt: skip
        return
    if part is not None or scheduler is not None:
        msg = "--part and --scheduler are for datasets in parts: give --parts, their number"
        raise InputError(msg)
    chosen_compression = parse_compression(compression)
    check_output(output, SAMPLE_ENDING)
    card = read_card(model_path(model))
    reading = Reading(detector, from_layout, where)
    conditions = _conditions(card, n, energy, theta, phi, impact, like, seed, reading)
    generator = load(
        model, runtime=runtime.value, precision=precision, threads=threads, streams=streams,
        batch=batch, aslant=leans_aslant(conditions, card.detector),
    )  # fmt: skip
    for note in generator.notes:
        stderr.print(f"note: {note}", soft_wrap=True, highlight=False)
    stderr.print(f"{card.name} runs in {generator.engine.plan}", highlight=False)
    with shower_progress() as progress:
        count = ShowerCount(progress, f"generating {output.name}", len(conditions))
        seconds = generate_file(
            generator, conditions, output, seed=seed, layout=layout or "gan3d",
            compression=chosen_compression, on_progress=count,
        )  # fmt: skip
    each = 1e3 * seconds / max(len(conditions) - count.before, 1)
    stderr.print(f"{output}: {len(conditions)} showers, {each:.3f} ms each with the file written")


def _conditions(
    card: "ModelCard",
    n: int | None,
    energy: str | None,
    theta: str | None,
    phi: str | None,
    impact: str | None,
    like: Path | None,
    seed: int,
    reading: Reading,
) -> "Conditions":
    """The conditions that the options ask for."""
    from caloforge.ranges import draw

    if like is not None:
        nothing_else(energy, theta, phi)
        with reading.open(like) as sample:
            card.check_detector(sample.detector, sample.window, where=like)
            card.check_particle(sample.particle, where=like)
            return conditions_like(sample, n, impact, card.detector, seed)
    if n is None:
        msg = "the number of showers is missing: give -n N, or --like SAMPLE"
        raise InputError(msg)
    return draw(n, *card.validity.asked(energy, theta, phi, impact), seed=seed)
