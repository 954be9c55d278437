"""The declared measures: what is scored, in which order, and what the score should be."""

from dataclasses import dataclass

from caloforge import scaling


@dataclass(frozen=True)
class Measure:
    """One line of the table: `name` is a key of scaling.LIMITS, `ideal` the perfect score.

    With `below_only` only values below the ideal are bad.
    """

    name: str
    title: str
    meaning: str
    ideal: float = 0.0
    below_only: bool = False
    title_in_rings: str = ""
    """Of a cylinder, where that is another."""

    @property
    def limits(self) -> tuple[float, float]:
        """Largest deviations from the ideal that pass, and that are near."""
        return scaling.LIMITS[self.name]

    def distance(self, value: float) -> float:
        """How far a value is from the ideal, on the side that counts."""
        return max(self.ideal - value, 0.0) if self.below_only else abs(value - self.ideal)


BIAS = "|mean response / reference - 1|, mean over energy bins"
WIDTH = "|width of the response / reference - 1|, mean over energy bins"
PROFILE = "mean relative error of the mean profile"
SPREAD = "standard deviation / reference at equal Ep, mean over features"
CORRELATIONS = "root mean square difference of correlations at equal Ep, over pairs of features"
ANGLE_BIAS = "|mean measured - true angle - reference's|, mean over angle bins, degrees"
ANGLE_RESOLUTION = "|resolution / reference - 1|, mean ratio of the energy bins"
RELATIVE = "mean relative error"
NEAREST = "median / that of fresh reference showers; far below 1 is memorised"

MEASURES = (
    Measure("response_bias", "Response bias", BIAS),
    Measure("response_width", "Response width", WIDTH),
    Measure("profile_z", "Longitudinal profile", PROFILE),
    Measure("profile_x", "Transverse profile, x", PROFILE, title_in_rings="Profile of the rings"),
    Measure("profile_y", "Transverse profile, y", PROFILE, title_in_rings="Profile of the sectors"),
    Measure("spread", "Spread at equal energy", SPREAD, ideal=1.0),
    Measure("correlations", "Correlations", CORRELATIONS),
    Measure("angle_bias", "Angle bias", ANGLE_BIAS),
    Measure("angle_resolution", "Angle resolution", ANGLE_RESOLUTION),
    Measure("auc_high", "AUC, shower features", "boosted trees; 0.5: cannot be told", ideal=0.5),
    Measure("auc_low", "AUC, cells", "network on cells; 0.5: cannot be told", ideal=0.5),
    Measure(
        "auc_residual",
        "AUC, residual network",
        "3D convolutions on cells; 0.5: cannot be told",
        ideal=0.5,
    ),
    Measure("wasserstein", "Wasserstein distance", "mean over features, in units of their spread"),
    Measure("separation", "Separation power", "mean over features"),
    Measure("cell_spectrum", "Cell spectrum", "separation power, 10 eV to 1 GeV"),
    Measure("fpd", "Frechet distance (FPD)", "extrapolated to infinitely many showers"),
    Measure("kpd", "Kernel distance (KPD)", "median over batches"),
    Measure("validation_number", "Validation number", "mean squared error of 2D projections"),
    Measure("gan3d", "3DGAN number P + S + A", "sum of the next three"),
    Measure("gan3d_moments", "3DGAN P, moments", RELATIVE),
    Measure("gan3d_shapes", "3DGAN S, shapes", RELATIVE),
    Measure("gan3d_angle", "3DGAN A, angle", RELATIVE),
    Measure("nearest", "Nearest known shower", NEAREST, ideal=1.0, below_only=True),
)
