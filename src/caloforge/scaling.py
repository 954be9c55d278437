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

CALIBRATED_FRACTION = 0.5
"""Cells of sampling calorimeters that sum to more of Ep than this are not as deposited: they were
calibrated to Ep, or scaled."""

MOST_CALIBRATED_FRACTION = 1.5
"""Cells that sum to more of Ep than this (median) are calibrated to nothing that we know."""

MAX_FRACTION = 3.0
"""Cells whose sum exceeds this many Ep (median), beyond a scale that is stated, are in another
unit: MeV beside GeV makes it tens (of what a sampling calorimeter sees) to a thousand."""

NEGATIVE_TOLERANCE_GEV = THRESHOLD_GEV
"""Cells that are negative by no more than this are rounding, and taken for zero."""

ENERGY_POINTS_GEV = (50 * GeV, 100 * GeV, 200 * GeV, 300 * GeV, 400 * GeV)
ENERGY_POINT_HALF_WIDTH_GEV = 5 * GeV
ANGLE_POINTS_DEG = (62.0, 90.0, 118.0)
"""Where the published validation looks: energies +- 5 GeV, and angles."""

ENERGY_EDGES_GEV = (2 * GeV, 5 * GeV, 10 * GeV, 20 * GeV, 50 * GeV, 100 * GeV, 200 * GeV, 500 * GeV)
"""Edges of the energy bins in which samples are compared at equal energy."""

MIN_BIN_SHOWERS = 20
"""A bin of energy or angle with fewer showers on either side is left out of every score."""

CELL_SPECTRUM_EDGES_GEV = tuple(10 * eV * 10 ** (step / 8) for step in range(65))
"""Bins of the cell energy spectrum: eight a decade, 10 eV to 1 GeV."""

CORE_SIDES = (1, 3, 5, 7)
"""Towers a side of the cores whose energy share is an observable."""

PROFILE_MIN_SHARE = 1e-3
"""Cells of a mean profile with less than this share of the energy do not enter its error."""

POOL_CORE = 6
"""Cells each side of the middle that the pooled image keeps single."""

POOL_SECTORS = 16
"""Most sectors of a cylinder's pooled image."""

ANGLE_TOLERANCE_RAD = 1e-3
"""Angles closer than this are the same angle."""

FPD_SIZES = 6
FPD_REPEATS = 4
"""Sample sizes of the FPD's fit in 1/N, and random subsets at each size."""

KPD_BATCHES = 10
KPD_BATCH_SIZE = 5000
"""Batches of the KPD, and the most showers that one draws from."""

ANGLE_HALF_WIDTH_DEG = 5.0
"""Half width of the bins around ANGLE_POINTS_DEG."""

ANGLE_EDGES_DEG = (57.0, 67.0, 85.0, 95.0, 113.0, 123.0)
"""Edges of the angle bins in which samples are compared: ANGLE_POINTS_DEG, and between them."""

LIMITS = {
    "auc_high": (0.10, 0.30),
    "auc_low": (0.20, 0.43),
    "auc_residual": (0.20, 0.43),
    "wasserstein": (0.08, 0.15),
    "separation": (0.03, 0.10),
    "cell_spectrum": (0.005, 0.02),
    "fpd": (0.01, 0.05),
    "kpd": (0.005, 0.05),
    "validation_number": (0.01, 0.03),
    "gan3d": (0.15, 0.30),
    "gan3d_moments": (0.03, 0.06),
    "gan3d_shapes": (0.10, 0.20),
    "gan3d_angle": (0.005, 0.01),
    "response_bias": (0.01, 0.02),
    "response_width": (0.12, 0.20),
    "profile_x": (0.03, 0.05),
    "profile_y": (0.03, 0.05),
    "profile_z": (0.03, 0.05),
    "spread": (0.05, 0.10),
    "correlations": (0.05, 0.10),
    "angle_bias": (0.25, 0.5),
    "angle_resolution": (0.05, 0.10),
    "nearest": (0.05, 0.10),
}
"""How far a score may be from its ideal to pass, and to be near (larger fails)."""

FLOOR_SIGMAS = 2.0
"""A score within so many errors of its floor cannot be told from Geant4 with this sample."""

NO_SPREAD = 1e-9
"""A feature whose standard deviation is less than this share of its largest value is constant."""

MEANINGLESS_ERROR = 3.0
"""An error of more than so many times the wider limit makes a pass an accident."""

SEPARATION_BINS = 20
"""Bins of the separation power, filled equally by the reference."""

CONDITIONS_P_VALUE = 1e-3
"""Below this Kolmogorov-Smirnov p-value two samples have different energies or angles."""

VALIDATION_MAX_SHOWERS = 10_000
"""Showers a side that validate reads: more would not make its figures finer."""

CLASSIFIER_FOLDS = 5
FLOOR_ROTATIONS = 3
"""Parts of the classifiers' split: three to train, one to calibrate, one to test; how often
they are rotated for the floor, which is 0.5 and only checked."""

RESIDUAL_MAX_SHOWERS = 2000
RESIDUAL_ROTATIONS = 2
"""Of the residual network, which takes minutes: showers a side, and rotations."""

EXAMPLE_ENERGIES_GEV = (20 * GeV, 100 * GeV, 400 * GeV)
"""Energies of the single showers that a report shows side by side."""

NEAREST_MAX_SHOWERS = 2000
CLASSIFIER_MAX_SHOWERS = 5000
"""Showers a side that the nearest-neighbour check and the classifiers look at."""
