"""Generated showers against Geant4: scores with errors, floors and verdicts; figures; a report."""

from caloforge.validate.result import JudgedMeasure, ValidationResult
from caloforge.validate.suite import validate

__all__ = ["JudgedMeasure", "ValidationResult", "validate"]
