"""Generated showers against Geant4: scores with errors, floors and verdicts; figures; a report."""

from caloforge.validate.result import Score, ValidationResult
from caloforge.validate.suite import validate

__all__ = ["Score", "ValidationResult", "validate"]
