"""``caloforge quantize``: a model in INT8 where the physics allows it."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from caloforge.cli.export import measure_response
from caloforge.cli.options import MODEL_ENDING, Model, OutputFile, Threads, check_output, stderr
from caloforge.cli.reading import DetectorOption, LayoutOption, MapOption, Reading


def quantize(
    model: Model,
    data: Annotated[Path, typer.Option(exists=True, help="Geant4 showers that judge the result.")],
    output: OutputFile,
    max_drop: Annotated[
        float | None,
        typer.Option(min=0.0, help="How much worse the score may get; the floor's error if unset."),
    ] = None,
    max_steps: Annotated[int, typer.Option(min=1, help="Most layers to take back to float.")] = 8,
    score: Annotated[
        Literal["validation_number", "spread_number"], typer.Option(help="What judges.")
    ] = "validation_number",
    showers: Annotated[int, typer.Option(min=64, help="Showers of the data to use.")] = 512,
    sensitivity: Annotated[bool, typer.Option(help="Measure what each layer's INT8 costs.")] = True,
    drop_slower: Annotated[
        bool, typer.Option(help="Leave layers in float that INT8 makes slower here.")
    ] = True,
    threads: Threads = None,
    detector: DetectorOption = None,
    layout: LayoutOption = None,
    where: MapOption = None,
) -> None:
    """Quantize a model to INT8, layer by layer, as far as the physics holds.

    Writes the model with its card, and the tuning log as OUTPUT.tuning.json. Says so where INT8
    does not win on this machine.
    """
    from caloforge._extras import QUANTIZING, check_installed
    from caloforge.atomic import replacing
    from caloforge.provenance import available_cores
    from caloforge.zoo import model_path

    check_installed(*QUANTIZING)
    from caloforge.quantize.run import quantize as run_quantize
    from caloforge.quantize.tables import outcome_tables

    check_output(output, MODEL_ENDING)
    path = model_path(model)
    with stderr.status(f"quantizing {path.name}") as status:
        outcome = run_quantize(
            path, data, output, cores=threads or available_cores(), max_drop=max_drop,
            max_steps=max_steps, score=score, showers=showers, sensitivity=sensitivity,
            drop_slower=drop_slower, opens=Reading(detector, layout, where).open,
            on_step=lambda step: status.update(
                f"step {step.step}: {len(step.quantized)} layers in INT8, score {step.score:.3g}"
            ),
        )  # fmt: skip
    console = Console()
    for table in outcome_tables(outcome):
        console.print(table)
    for note in outcome.notes:
        console.print(f"note: {note}", soft_wrap=True, highlight=False)
    console.print(outcome.advice, soft_wrap=True)
    with replacing(output.with_suffix(".tuning.json")) as partial:
        partial.write_text(outcome.model_dump_json(indent=2) + "\n")
    measure_response(output)
