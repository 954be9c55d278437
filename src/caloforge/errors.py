"""The family of errors that a user can cause and mend.

A message says what was wrong, what it got and what is allowed, in one line. The command line
prints it and exits with 2; anything else that is raised is a defect of caloforge.
"""


class CaloforgeError(Exception):
    """Base of all errors that a user can mend."""


class InputError(CaloforgeError):
    """A file, an array or a value that cannot be what it is said to be."""


class ConfigError(CaloforgeError):
    """A TOML file (recipe, detector) with a wrong key or value."""


class DetectorError(CaloforgeError):
    """A detector that is unknown, impossible, or not the one expected."""


class RangeError(CaloforgeError):
    """An energy or angle outside the range that a model or a detector covers."""


class ModelError(CaloforgeError):
    """A model file that is missing, foreign or broken."""


class MissingExtraError(CaloforgeError):
    """An optional dependency that is not installed."""


class OutputError(CaloforgeError):
    """An output that cannot be written."""


class TrainingError(CaloforgeError):
    """A training that went astray: a loss or a weight that is no longer a number."""


class SimulationError(CaloforgeError):
    """A simulation that Geant4 or its worker processes gave up."""


class ClusterError(CaloforgeError):
    """A cluster that does not answer, or gave work up."""
