"""``caloforge generate``: showers from a model, into a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.options import (
    Compression,
    OutputFile,
    PrecisionOption,
    RuntimeOption,
    Seed,
    parse_compression,
    parse_precision,
    parse_runtime,
    shower_progress,
    stderr,
)
from caloforge.errors import DetectorError, InputError

if TYPE_CHECKING:
    from caloforge.beam import Conditions
    from caloforge.card import ModelCard


def generate(
    model: Annotated[str, typer.Argument(help="A bundled model's name, or a .onnx file.")],
    output: OutputFile,
    n: Annotated[int | None, typer.Option("-n", min=1, help="Number of showers.")] = None,
    energy: Annotated[
        str | None,
        typer.Option(help="Primary energy in GeV: 100, 10:500 (uniform) or log:10:500."),
    ] = None,
    theta: Annotated[str | None, typer.Option(help="Polar angle in degrees: 90 or 60:120.")] = None,
    like: Annotated[
        Path | None, typer.Option(help="Take the energies and angles of this sample.")
    ] = None,
    seed: Seed = 0,
    compression: Compression = "none",
    runtime: RuntimeOption = "auto",
    precision: PrecisionOption = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use; all by default.")
    ] = None,
    streams: Annotated[
        int | None,
        typer.Option(min=1, help="Batches computed side by side; one a core by default."),
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Showers computed at a time.")] = None,
) -> None:
    """Generate showers with a trained model.

    A killed run is continued by the same command. Energies and angles default to the model's
    whole range, uniformly.
    """
    from caloforge.atomic import check_writable
    from caloforge.engine.choose import advice
    from caloforge.generate import generate_file, load

    chosen_compression = parse_compression(compression)
    check_writable(output)
    generator = load(
        model, runtime=parse_runtime(runtime), precision=parse_precision(precision),
        threads=threads, streams=streams, batch=batch,
    )  # fmt: skip
    if note := advice(generator.card, generator.engine.plan):
        stderr.print(f"note: {note}")
    conditions = _conditions(generator.card, n, energy, theta, like, seed)
    generator.card.check_range(conditions)
    with shower_progress() as progress:
        task = progress.add_task(f"generating {output.name}", total=len(conditions))
        seconds = generate_file(
            generator, conditions, output, seed=seed, compression=chosen_compression,
            on_progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
    each = 1e3 * seconds / len(conditions)
    stderr.print(f"{output}: {len(conditions)} showers, {each:.3f} ms each with the file written")


def _conditions(
    card: "ModelCard",
    n: int | None,
    energy: str | None,
    theta: str | None,
    like: Path | None,
    seed: int,
) -> "Conditions":
    """The conditions that the options ask for."""
    from caloforge.beam import draw, extremes
    from caloforge.units import degree

    if like is not None:
        if energy is not None or theta is not None:
            msg = "--like already gives energies and angles: leave out --energy and --theta"
            raise InputError(msg)
        return _conditions_like(card, like, n)
    if n is None:
        msg = "the number of showers is missing: give -n N, or --like SAMPLE"
        raise InputError(msg)
    low, high = card.energy_range_gev
    angles = [angle / degree for angle in card.theta_range_rad]
    asked = energy or f"{low:g}:{high:g}", theta or f"{angles[0]:.6g}:{angles[1]:.6g}"
    card.check_range(extremes(*asked))
    return draw(n, *asked, seed=seed)


def _conditions_like(card: "ModelCard", like: Path, n: int | None) -> "Conditions":
    """The first n conditions of a sample, from its start again if it has fewer."""
    import numpy as np

    from caloforge.io import open_showers

    with open_showers(like) as sample:
        if (sample.detector.digest, sample.window) != (card.detector_digest, card.window):
            msg = (
                f"{like} belongs to {sample.detector.name} (window {sample.window}), "
                f"the model {card.name} to {card.detector.name} (window {card.window})"
            )
            raise DetectorError(msg)
        return sample.conditions[np.arange(n or len(sample)) % len(sample)]
