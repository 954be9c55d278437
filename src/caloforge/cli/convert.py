"""``caloforge convert``: a sample in another file format."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from caloforge.cli.options import (
    Compression,
    OutputFile,
    Seed,
    parse_compression,
    shower_progress,
    stderr,
)
from caloforge.cli.reading import DetectorOption, MapOption, Reading
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.io import ShowerFile


def convert(
    sample: Annotated[Path, typer.Argument(exists=True, help="The sample to read.")],
    output: OutputFile,
    layout: Annotated[
        str | None, typer.Option(help="Layout to write, one of info --layouts.")
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(help="Multiply the cells: by one number, or one a layer (1.02,1.05,...)."),
    ] = None,
    cells: Annotated[
        bool, typer.Option("--cells", help="ROOT: write the hit cells of every shower too.")
    ] = False,
    compression: Compression = "gzip",
    only: Annotated[
        float | None, typer.Option(help="Write only this share of the showers, drawn by the seed.")
    ] = None,
    without: Annotated[
        float | None, typer.Option(help="Write all but the share that --only would write.")
    ] = None,
    seed: Seed = 0,
    particle: Annotated[
        str | None, typer.Option(help="Particle of a sample that does not say of which it is.")
    ] = None,
    detector: DetectorOption = None,
    from_layout: Annotated[
        str | None, typer.Option(help="Layout of the sample, if it is ambiguous.")
    ] = None,
    where: MapOption = None,
) -> None:
    """Write a sample as .root (one branch a quantity), .h5 (3DGAN) or .hdf5 (CaloChallenge).

    --layout writes any other, as edm4hep: hits with positions, in .root. There and back, cells are
    the same but for the rounding of float32 between GeV and MeV. --calibrate says so in the file.
    --only and --without split a sample: showers that are held out, and the others.
    """
    from caloforge.convert import convert as convert_sample
    from caloforge.convert import state_particle

    chosen = parse_compression(compression)
    if cells and output.suffix != ".root":
        msg = f"--cells is for ROOT files, {output} is none: the other formats hold every cell"
        raise InputError(msg)
    factors = [] if calibrate is None else parse_factors(calibrate)
    reading = Reading(detector, from_layout, where)
    with _chosen(reading.open(sample), only, without, seed) as file, shower_progress() as progress:
        if particle is not None:
            state_particle(file, particle)
        task = progress.add_task(f"writing {output.name}", total=len(file))
        convert_sample(
            file, output, layout=layout, factors=factors, cells=cells, compression=chosen,
            on_progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
        notes = file.notes
    reading.print_map()
    for note in notes:
        stderr.print(f"note: {note}")


def _chosen(
    file: "ShowerFile", only: float | None, without: float | None, seed: int
) -> "ShowerFile":
    """The sample, or the share of it that is asked for."""
    from caloforge.io.chosen import ChosenRows, held_out_rows

    if only is not None and without is not None:
        msg = "--only and --without are the two parts of a sample: give one of them"
        raise InputError(msg)
    if only is not None:
        return ChosenRows(file, held_out_rows(len(file), only, seed))
    if without is None:
        return file
    rows = np.arange(len(file))
    return ChosenRows(file, np.setdiff1d(rows, held_out_rows(len(file), without, seed)))


def parse_factors(text: str) -> list[float]:
    """The numbers of ``1.02,1.05``; InputError if they are none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        msg = f"--calibrate takes one number, or one a layer (1.02,1.05,...), got '{text}'"
        raise InputError(msg) from None
