"""``caloforge bench in-situ``: a model inside a Geant4 event loop beside full simulation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from caloforge.cli.options import Model, Phi, Seed, stderr


def in_situ(
    model: Model,
    energy: Annotated[
        str | None,
        typer.Option(help="Energies in GeV: 50, 10:500 or log:10:500; the model's by default."),
    ] = None,
    theta: Annotated[
        str | None, typer.Option(help="Angles in degrees: 90 or 60:120; the model's by default.")
    ] = None,
    phi: Phi = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Events that are simulated fully.")] = 60,
    particles: Annotated[int, typer.Option(min=1, help="Particles in an event.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Turns that the two loops take.")] = 3,
    runtime: Annotated[str, typer.Option(help="Engine; the fastest by default.")] = "auto",
    seed: Seed = 0,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="JSON to write.")] = None,
) -> None:
    """Time whole events in Geant4 with a model at the calorimeter's face, and compare the sums.

    Particles enter all over the face, are tracked to it, and their hits are put onto the pads.
    """
    from caloforge._extras import check_installed
    from caloforge.atomic import check_writable, replacing
    from caloforge.bench.in_situ import bench_in_situ
    from caloforge.bench.in_situ_table import in_situ_tables
    from caloforge.zoo import model_path

    check_installed("geant4_pybind")
    if output is not None:
        check_writable(output)
    with stderr.status("loading") as status:
        report = bench_in_situ(
            model_path(model), energy=energy, theta=theta, phi=phi, n=n, particles=particles,
            rounds=rounds, runtime=runtime, seed=seed, on_step=status.update,
        )  # fmt: skip
    for table in in_situ_tables(report):
        Console().print(table)
    if output is not None:
        with replacing(output) as partial:
            partial.write_text(report.model_dump_json(indent=2) + "\n")
