"""A model file with its card as this version writes it: for hosts that read the newer fields."""

from collections.abc import Mapping
from pathlib import Path

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.card import METADATA_KEY, SCHEMA_VERSION, ModelCard, Score
from caloforge.engine import read_card
from caloforge.engine.response import measure_response

RESPONSE_SHOWERS = 2048
"""From which the card's response is known to a few permille."""


def renew(
    model: Path,
    path: Path,
    *,
    name: str | None = None,
    scores: Mapping[str, Score] | None = None,
) -> ModelCard:
    """Write the model's file again, of which the card alone changes; the card.

    ``name`` replaces its name, ``scores`` are added to those that it has.

    Raises
    ------
    ModelError
        if it is no model file, or its card is damaged.
    OutputError
        if the file cannot be written.
    MissingExtraError
        without onnx.
    """
    card = read_card(model)
    card = card.model_copy(
        update={
            "schema_version": SCHEMA_VERSION,
            "latent": card.latent.model_copy(update={"impact": card.impact_latent}),
            "name": name or card.name,
            "scores": {**card.scores, **(scores or {})},
        }
    )
    write_card(model, path, card)
    return card


def note_response(path: Path, showers: int = RESPONSE_SHOWERS) -> ModelCard:
    """Measure the response of a model file and write it into its card; the card.

    Raises
    ------
    OutputError
        if the file cannot be written.
    ModelError
        if it is no model, or its showers are empty.
    """
    card = read_card(path)
    response = measure_response(path, card, showers)
    card = card.model_copy(update={"response": response, "schema_version": SCHEMA_VERSION})
    write_card(path, path, card)
    return card


def write_card(model: Path, path: Path, card: ModelCard) -> None:
    """Write the model's file, which has a card, again with this one; errors as of renew."""
    content = require("onnx").load(str(model))
    for entry in content.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = card.model_dump_json()
    with replacing(path) as partial:
        partial.write_bytes(content.SerializeToString())
