"""A model file with its card as this version writes it: for hosts that read the newer fields."""

from pathlib import Path

from caloforge._extras import require
from caloforge.atomic import replacing
from caloforge.card import METADATA_KEY, ModelCard
from caloforge.engine import read_card

NEWEST = ModelCard.model_fields["schema_version"].default


def renew(model: Path, path: Path) -> ModelCard:
    """Write the model's file again, of which the card alone changes; the card.

    Raises
    ------
    ModelError
        if it is no model file, or its card is damaged.
    OutputError
        if the file cannot be written.
    MissingExtraError
        without onnx.
    """
    onnx = require("onnx")
    card = read_card(model).model_copy(update={"schema_version": NEWEST})
    content = onnx.load(str(model))
    for entry in content.metadata_props:
        if entry.key == METADATA_KEY:
            entry.value = card.model_dump_json()
    with replacing(path) as partial:
        partial.write_bytes(content.SerializeToString())
    return card
