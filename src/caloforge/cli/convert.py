"""``caloforge convert``: a sample in another file format."""

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import Compression, OutputFile, parse_compression, shower_progress
from caloforge.errors import InputError


def convert(
    sample: Annotated[Path, typer.Argument(exists=True, help="The sample to read.")],
    output: OutputFile,
    cells: Annotated[
        bool, typer.Option("--cells", help="ROOT: write the hit cells of every shower too.")
    ] = False,
    compression: Compression = "gzip",
) -> None:
    """Write a sample as .root (one branch a quantity), .h5 (3DGAN) or .hdf5 (CaloChallenge)."""
    from caloforge.convert import convert as convert_sample
    from caloforge.io import open_showers

    chosen = parse_compression(compression)
    if cells and output.suffix != ".root":
        msg = f"--cells is for ROOT files, {output} is none: the other formats hold every cell"
        raise InputError(msg)
    with open_showers(sample) as file, shower_progress() as progress:
        task = progress.add_task(f"writing {output.name}", total=len(file))
        convert_sample(
            file, output, cells=cells, compression=chosen,
            on_progress=lambda done: progress.update(task, completed=done),
        )  # fmt: skip
