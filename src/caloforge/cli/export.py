"""``caloforge export``: the best generator of a run as one ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from caloforge.cli.options import MODEL_ENDING, OutputFile, check_output, stderr


def export(
    run: Annotated[Path, typer.Argument(exists=True, help="The run folder that train wrote.")],
    output: OutputFile,
    name: Annotated[str | None, typer.Option(help="Name in the card; the recipe's.")] = None,
    scores: Annotated[
        Path | None,
        typer.Option(exists=True, help="metrics.json of a validation, for the card's scores."),
    ] = None,
) -> None:
    """Export the best generator of a training to ONNX, with its card."""
    from caloforge._extras import require

    for module in ("torch", "safetensors", "onnx", "onnxscript"):
        require(module)
    check_output(output, MODEL_ENDING)
    from caloforge.card import read_scores
    from caloforge.export import export_generator
    from caloforge.train.trained import load_trained

    generator, card = load_trained(run)
    if name is not None:
        card = card.model_copy(update={"name": name})
    if scores is not None:
        card = card.model_copy(update={"scores": read_scores(scores)})
    export_generator(generator, card, output)
    stderr.print(
        f"{output}: {card.network}, {card.parameters:,} parameters, "
        f"{card.energy_range_gev[0]:g}-{card.energy_range_gev[1]:g} GeV"
    )
