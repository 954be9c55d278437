"""``caloforge convert``: a sample in another file format."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import (
    Compression,
    OutputFile,
    parse_compression,
    shower_progress,
    stderr,
)
from caloforge.cli.reading import DetectorOption, MapOption, Reading
from caloforge.errors import InputError


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
    detector: DetectorOption = None,
    from_layout: Annotated[
        str | None, typer.Option(help="Layout of the sample, if it is ambiguous.")
    ] = None,
    where: MapOption = None,
) -> None:
    """Write a sample as .root (one branch a quantity), .h5 (3DGAN) or .hdf5 (CaloChallenge).

    --layout writes any other, as edm4hep: hits with positions, in .root. There and back, cells are
    the same but for the rounding of float32 between GeV and MeV. --calibrate says so in the file.
    """
    from caloforge.convert import convert as convert_sample

    chosen = parse_compression(compression)
    if cells and output.suffix != ".root":
        msg = f"--cells is for ROOT files, {output} is none: the other formats hold every cell"
        raise InputError(msg)
    factors = [] if calibrate is None else parse_factors(calibrate)
    reading = Reading(detector, from_layout, where)
    with reading.open(sample) as file, shower_progress() as progress:
        task = progress.add_task(f"writing {output.name}", total=len(file))
        convert_sample(
            file, output, layout=layout, factors=factors, cells=cells, compression=chosen,
            on_progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
        notes = file.notes
    reading.print_map()
    for note in notes:
        stderr.print(f"note: {note}")


def parse_factors(text: str) -> list[float]:
    """The numbers of ``1.02,1.05``; InputError if they are none."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        msg = f"--calibrate takes one number, or one a layer (1.02,1.05,...), got '{text}'"
        raise InputError(msg) from None
