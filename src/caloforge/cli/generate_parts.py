"""``caloforge generate --parts``: a dataset of many files, here, on a cluster or by a job array."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from caloforge.cli.options import ShowerCount, shower_progress, stderr
from caloforge.cli.progress import LOG_NAME
from caloforge.errors import InputError, OutputError

if TYPE_CHECKING:
    from caloforge.generate import Generator
    from caloforge.parts import Dataset

MOST_PARTS = 10**5
FEW = 16
"""Showers that tell whether a range of phi leads away from the pads' axes."""


def in_parts(
    model: str,
    folder: Path,
    n: int | None,
    *,
    parts: int,
    part: int | None,
    scheduler: str | None,
    like: Path | None,
    threads: int | None,
    batch: int | None,
    **asked: Any,
) -> None:
    """Make a dataset, what is missing of it, or one part; ``asked`` as of :func:`_begun`."""
    from caloforge.cluster import Cluster

    if like is not None:
        msg = "--like is for one file: energies of parts are drawn, by (seed, part)"
        raise InputError(msg)
    if part is not None and scheduler is not None:
        msg = "--part makes one part here, --scheduler all of them elsewhere: give one of the two"
        raise InputError(msg)
    if n is None or n < parts:
        msg = f"{parts} parts need as many showers at least (-n N), got {n or 'none'}"
        raise InputError(msg)
    if folder.suffix == ".h5" or folder.is_file():
        msg = f"{folder} must be a folder: --parts makes many files"
        raise OutputError(msg)
    dataset, generator = _begun(model, folder, n, parts, threads=threads, batch=batch, **asked)
    wanted = dataset.missing() if part is None else [part]
    total = sum(dataset.request.showers_of(each) for each in wanted)
    with shower_progress(folder / LOG_NAME) as progress:
        count = ShowerCount(progress, f"generating {folder.name}", total)
        count(0)
        if scheduler is not None:
            cluster = Cluster(scheduler, lambda line: stderr.print(f"note: {line}"))
            dataset.make_on(cluster, threads=threads, on_showers=count)
        elif wanted:
            dataset.make_here(wanted, generator, count)
    whole = dataset.finish()
    left = "all parts are there" if whole else f"{len(dataset.missing())} of {parts} parts missing"
    stderr.print(f"{folder}: {left}", highlight=False, soft_wrap=True)


def _begun(
    model: str,
    folder: Path,
    n: int,
    parts: int,
    *,
    energy: str | None,
    theta: str | None,
    phi: str | None,
    impact: str | None,
    seed: int,
    layout: str,
    compression: Any,
    runtime: str,
    precision: Any,
    threads: int | None,
    batch: int | None,
) -> tuple["Dataset", "Generator"]:
    """The dataset in the folder, and its model, ready to run.

    The runtime of a dataset that was begun is kept, unless another one is named.
    """
    from caloforge.engine import read_card
    from caloforge.engine.runtimes import runtime_named
    from caloforge.generate import load
    from caloforge.io.parts import REQUEST
    from caloforge.parts import Dataset, DatasetRequest
    from caloforge.provenance import file_digest
    from caloforge.ranges import draw
    from caloforge.turn import leans_aslant
    from caloforge.zoo import model_path

    if (folder / REQUEST).exists():
        begun = Dataset.at(folder).request
        runtime = begun.runtime if runtime == "auto" else runtime
        precision = begun.precision if precision == "auto" else precision
    card = read_card(model_path(model))
    ranges = card.validity.asked(energy, theta, phi, impact)
    generator = load(
        model, runtime=runtime, precision=precision, threads=threads, batch=batch,
        aslant=leans_aslant(draw(FEW, *ranges, seed=0), card.detector),
    )  # fmt: skip
    for note in generator.notes:
        stderr.print(f"note: {note}", soft_wrap=True, highlight=False)
    plan = generator.engine.plan
    request = DatasetRequest(
        model=card.name, model_digest=file_digest(generator.path), showers=n, parts=parts,
        seed=seed, **ranges._asdict(), layout=layout, compression=compression,
        runtime=plan.runtime, precision=plan.precision,
        sampler=runtime_named(plan.runtime).sampler_version,
    )  # fmt: skip
    return Dataset.begin(folder, request, generator.path), generator
