"""The model card: what a model file says of itself, inside the ONNX file."""

from caloforge.card.fields import TABLES, Latent, Parent, TrainingFile, TrainingRecord
from caloforge.card.model_card import METADATA_KEY, SCHEMA_VERSION, ModelCard
from caloforge.card.response import Response
from caloforge.card.score import Score, read_scores, with_error
from caloforge.card.validity import Validity, widened

__all__ = [
    "METADATA_KEY",
    "SCHEMA_VERSION",
    "TABLES",
    "Latent",
    "ModelCard",
    "Parent",
    "Response",
    "Score",
    "TrainingFile",
    "TrainingRecord",
    "Validity",
    "read_scores",
    "widened",
    "with_error",
]
