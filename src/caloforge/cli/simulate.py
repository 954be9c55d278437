"""``caloforge simulate``: Geant4 showers of a described calorimeter, into a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from caloforge.cli.options import (
    SAMPLE_ENDING,
    Compression,
    Energy,
    Impact,
    Number,
    OutputFile,
    Phi,
    Seed,
    ShowerCount,
    Theta,
    check_output,
    parse_compression,
    shower_progress,
    stderr,
)
from caloforge.cli.progress import LOG_NAME
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.beam import Conditions
    from caloforge.detector import Detector
    from caloforge.simulate import Production, ProductionSummary
    from caloforge.simulate.produce import Runner

MOST_BESIDE = 0.01
"""More energy than this beside the window says that it is too small."""


def simulate(
    detector: Annotated[str, typer.Argument(help="A bundled detector's name, or a .toml file.")],
    output: OutputFile,
    window: Annotated[
        str | None, typer.Option(help="Image to cut out; the detector's first by default.")
    ] = None,
    particle: Annotated[str, typer.Option(help="e-, e+, gamma, mu- or mu+.")] = "e-",
    energy: Energy = None,
    theta: Theta = None,
    phi: Phi = None,
    impact: Impact = None,
    n: Number = None,
    like: Annotated[
        Path | None, typer.Option(exists=True, help="Take the energies and angles of this sample.")
    ] = None,
    seed: Seed = 0,
    jobs: Annotated[int, typer.Option(min=1, help="Worker processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that runs the shards instead.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="Most seconds without a Dask worker; for ever by default."),
    ] = None,
    event: Annotated[
        int | None, typer.Option(help="Replay only this event (0 is the first) into the output.")
    ] = None,
    data: Annotated[
        Literal["auto", "official", "built-in"],
        typer.Option(help="Geant4 data; auto: the official ones where they are configured."),
    ] = "auto",
    compression: Compression = "none",
) -> None:
    """Simulate showers with Geant4, in the 3DGAN HDF5 layout.

    A killed run is continued by the same command. The seed fixes every shower, whatever the
    number of jobs.
    """
    from caloforge.detector import load_detector
    from caloforge.impact import asked_impact
    from caloforge.simulate import Production
    from caloforge.simulate.data import choose_data
    from caloforge.simulate.tables import cache_folder

    chosen_compression = parse_compression(compression)
    check_output(output, SAMPLE_ENDING)
    described = load_detector(detector)
    chosen_data = choose_data(data, cache_folder(), described)
    if chosen_data.note:
        stderr.print(f"note: {chosen_data.note}", soft_wrap=True, highlight=False)
    chosen_window = next(iter(described.windows)) if window is None else window

    def request(conditions: "Conditions") -> Production:
        return Production(described, chosen_window, particle, conditions, seed, chosen_data)

    drawn, asked = (
        _asked(n, energy, theta, phi, asked_impact(impact, described), seed)
        if like is None
        else _as_of(like, n, energy, theta, phi, impact, described, particle, seed)
    )
    request(asked)
    production = request(drawn)
    if event is not None:
        _replay(production, event, output, chosen_compression)
        return
    runner = _runner(jobs, scheduler, wait)
    _tell(production, output, _produce(production, output, runner, chosen_compression))


def _tell(production: "Production", output: Path, summary: "ProductionSummary") -> None:
    """Print what was made, what it cost, and what is wrong with it."""
    stderr.print(
        f"{output}: {len(production)} showers in {summary.seconds:.1f} s; "
        f"Geant4 took {summary.seconds_per_shower.mean():.3f} s a shower, "
        f"{summary.ms_per_gev:.2f} ms/GeV; "
        f"data: {production.data.title}"
    )
    if summary.empty:
        stderr.print(f"{summary.empty} showers are empty: no cell holds as much as 10 eV")
    if summary.beside > MOST_BESIDE:
        name = production.window
        stderr.print(
            f"note: {summary.beside:.1%} of the energy lies beside window '{name}' and is not in "
            f"the sample: take a larger one, or widen it (windows.{name}.shape in the TOML)"
        )
    if summary.aborted:
        stderr.print(f"Geant4 aborted {summary.aborted} events; they were made again")


def _runner(jobs: int, scheduler: str | None, wait: float | None) -> "Runner":
    from caloforge.simulate import LocalRunner

    if scheduler is None:
        if wait is not None:
            msg = "--wait is for the workers of a Dask scheduler: give its address (--scheduler)"
            raise InputError(msg)
        return LocalRunner(jobs)
    from caloforge.cluster import Cluster
    from caloforge.simulate.farm import DaskRunner

    return DaskRunner(Cluster(scheduler, stderr.print, wait))


def _produce(
    production: "Production", output: Path, runner: "Runner", compression: str | None
) -> "ProductionSummary":
    from caloforge.simulate.produce import check_output, produce
    from caloforge.simulate.shards import shards_path

    check_output(production, output, compression)
    with shower_progress(shards_path(output) / LOG_NAME) as progress:
        return produce(
            production, output, runner=runner, compression=compression,
            on_progress=ShowerCount(progress, f"simulating {output.name}", len(production)),
        )  # fmt: skip


def _replay(production: "Production", event: int, output: Path, compression: str | None) -> None:
    from caloforge import io
    from caloforge.atomic import check_writable
    from caloforge.simulate import replay

    check_writable(output)
    shower, seconds = replay(production, event)
    io.write(output, shower, compression=compression)
    stderr.print(f"{output}: event {event}, {shower.energy[0]:g} GeV, Geant4 took {seconds:.3f} s")


def _asked(
    n: int | None,
    energy: str | None,
    theta: str | None,
    phi: str | None,
    impact: str | None,
    seed: int,
) -> tuple["Conditions", "Conditions"]:
    """The conditions that the options ask for, and the extremes of what they allow."""
    from caloforge.beam import draw, extremes

    if n is None or energy is None:
        msg = "give the energies and the number of showers (--energy 10:500 -n 1000), or --like"
        raise InputError(msg)
    asked = energy, "90" if theta is None else theta, phi, impact
    return draw(n, *asked, seed=seed), extremes(*asked)


def _as_of(
    like: Path,
    n: int | None,
    energy: str | None,
    theta: str | None,
    phi: str | None,
    impact: str | None,
    detector: "Detector",
    particle: str,
    seed: int,
) -> tuple["Conditions", "Conditions"]:
    """The conditions of a sample of that particle, twice: they are their own extremes."""
    from caloforge.cli.conditions import conditions_like, nothing_else
    from caloforge.io import open_showers
    from caloforge.particle import may_be_same

    nothing_else(energy, theta, phi)
    with open_showers(like) as sample:
        if not may_be_same(sample.particle, particle):
            msg = f"{like} holds showers of {sample.particle}: give --particle {sample.particle}"
            raise InputError(msg)
        found = conditions_like(sample, n, impact, detector, seed)
        return found, found
