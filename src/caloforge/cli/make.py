"""``caloforge make``: from the description of a calorimeter to a model that was judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from caloforge.cli.options import LARGEST_SEED, Energy, Theta, showers_number, stderr
from caloforge.errors import InputError

if TYPE_CHECKING:
    from caloforge.detector import Detector
    from caloforge.make.request import MakeRequest

SHOWERS = 2500
GOAL_MISSED = 1
"""Exit code where what was made is not as good as it was to be."""
LARGEST_MAKE_SEED = LARGEST_SEED // 1000
"""Each simulation of a make has a seed of its own, from this one."""


def make(
    detector: Annotated[str, typer.Argument(help="A bundled detector's name, or a .toml file.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder to make all in, new or to go on with.")
    ],
    particle: Annotated[
        str | None, typer.Option(help="e-, e+, gamma, mu- or mu+; that of --data by default.")
    ] = None,
    energy: Energy = None,
    theta: Theta = None,
    showers: Annotated[
        int | None,
        typer.Option(
            parser=showers_number,
            metavar="<int>",
            help="Showers in all, the held-out ones too; 2500 by default.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, help="Take this sample's showers instead of simulating."),
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Image to cut out; by default the smallest that is enough.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_MAKE_SEED, help="Of showers, splits and training.")
    ] = 1,
    until: Annotated[
        str | None, typer.Option(help="Go on with more showers until this holds: auc=0.6.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="With --until: begin nothing that ends after 90min, 2h, ...")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Geant4's worker processes; one a core by default.")
    ] = None,
) -> None:
    """Make a model of a calorimeter: simulate, train, export, tune and validate it.

    A part of the showers is held out before anything else and judges the model. The same command
    goes on where it stood; OUTPUT/commands.sh has the commands that it ran. Where --until does not
    hold in the end, the model is there, and the exit code is 1.
    """
    from caloforge._extras import EXPORTING, TRAINING, check_installed
    from caloforge.detector import load_detector
    from caloforge.make.request import Goal, parse_budget
    from caloforge.provenance import available_cores

    goal = None if until is None else Goal.parse(until)
    seconds = float("inf") if budget is None else parse_budget(budget)
    if budget is not None and goal is None:
        msg = "--budget ends what --until goes on with: give both"
        raise InputError(msg)
    check_installed(*([] if data else ["geant4_pybind"]), *TRAINING, *EXPORTING)
    request = _request(
        load_detector(detector), detector, particle, energy, theta, showers, data, window, seed
    )
    from caloforge.make.run import Maker

    made = Maker(
        request, output, jobs=jobs or available_cores(), run_verb=_run_verb, say=_say,
        goal=goal, budget=seconds,
    ).make()  # fmt: skip
    if goal is not None and not made.reaches(goal):
        raise typer.Exit(GOAL_MISSED)


def _request(
    described: Detector,
    given: str,
    particle: str | None,
    energy: str | None,
    theta: str | None,
    showers: int | None,
    data: Path | None,
    window: str | None,
    seed: int,
) -> MakeRequest:
    """The request that the options make up; InputError where they contradict each other."""
    from caloforge.make.data import request_of_sample
    from caloforge.make.request import MakeRequest

    if data is not None:
        if any(option is not None for option in (energy, theta, window, showers)):
            msg = "--data already gives energies, angles, window and number: leave those out"
            raise InputError(msg)
        return request_of_sample(data, described, given, particle, seed)
    if particle is None or energy is None:
        msg = "give the particle and its energies (--particle gamma --energy log:1:100), or --data"
        raise InputError(msg)
    return MakeRequest(
        described, given, particle, energy, theta or "90", window, showers or SHOWERS, None, seed
    )


def _run_verb(words: Sequence[str]) -> None:
    from caloforge.cli.app import app

    app(args=list(words), prog_name="caloforge", standalone_mode=False)


def _say(line: str) -> None:
    stderr.print(line, highlight=False, markup=False)
