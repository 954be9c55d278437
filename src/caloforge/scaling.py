"""The only home of thresholds, powers, bins and verdict limits.

Training, generation and validation read them here, so that they cannot disagree.
"""

from caloforge.units import GeV, MeV, TeV, eV, keV

THRESHOLD_GEV = 10 * eV
"""Cells below this are zero, in Geant4 showers and in generated ones alike."""

HIT_THRESHOLDS_GEV = (1 * keV, 10 * keV, 100 * keV, 1 * MeV)
"""A cell is a hit above a threshold; the lowest is the cleaning cut of the published work."""

TRAINING_POWER = 0.85
"""Cell energies are raised to this power in training (angle 3DGAN, arXiv 2001.06591)."""

MAX_PRIMARY_ENERGY_GEV = 10 * TeV
"""Above this a primary energy is taken for one in MeV by mistake."""

MAX_SAMPLING_FRACTION = 0.5
"""A shower whose cell sum exceeds this share of Ep is in the wrong unit."""

ENERGY_POINTS_GEV = (50 * GeV, 100 * GeV, 200 * GeV, 300 * GeV, 400 * GeV)
ENERGY_POINT_HALF_WIDTH_GEV = 5 * GeV
ANGLE_POINTS_DEG = (62.0, 90.0, 118.0)
"""Where the published validation looks: energies +- 5 GeV, and angles."""
