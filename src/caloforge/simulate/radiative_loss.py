"""Published radiative energy loss of electrons, to which the bremsstrahlung tables are normalised.

``PHI_RAD`` is the scaled radiative energy loss of ICRU Report 37 (1984) and of Seltzer and
Berger, Nucl. Instrum. Meth. B 12 (1985) 95 and At. Data Nucl. Data Tables 35 (1986) 345, nuclear
and electronic field together:

    phi_rad = S_rad / (n alpha r_e^2 Z^2 (T + m c^2)),

with S_rad the radiative stopping power and n the atoms a volume. The figures were recovered from
the ratios of these stopping powers to the screened Bethe-Heitler formula that Rogers, Duane,
Bielajew and Walters tabulate (NRCC report PIRS-0177, 1989); for water they give the values of
NIST ESTAR within 0.05 % from 10 keV to 1 GeV.
"""

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator

from caloforge.typing import Float64Array

ENERGY_MEV = np.array([
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 3,
    5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000, 10000,
])  # fmt: skip

# fmt: off
PHI_RAD = {
    1: (
        5.3078, 5.3018, 5.3243, 5.3794, 5.4637, 5.6005, 5.7499, 6.1399,
        7.5672, 9.8496, 13.365, 15.889, 19.356, 21.719, 24.210, 26.959,
        28.822, 31.288, 34.078, 37.211, 39.650, 42.052, 43.364, 45.644,
    ),
    6: (
        4.6931, 5.3100, 5.7112, 5.7817, 5.7196, 5.5234, 5.3433, 5.2395,
        5.6128, 6.6611, 8.4287, 9.6990, 11.410, 12.559, 13.760, 15.066,
        15.931, 17.033, 18.206, 19.464, 20.392, 21.222, 21.620, 22.161,
    ),
    8: (
        4.3048, 5.0632, 5.6814, 5.8678, 5.8503, 5.6219, 5.4021, 5.2551,
        5.5545, 6.5252, 8.1865, 9.3816, 10.983, 12.054, 13.168, 14.375,
        15.171, 16.178, 17.244, 18.371, 19.192, 19.911, 20.247, 20.693,
    ),
    13: (
        3.4625, 4.3582, 5.2987, 5.7602, 5.9680, 5.8647, 5.5987, 5.3696,
        5.5668, 6.4156, 7.9266, 9.0227, 10.484, 11.450, 12.440, 13.494,
        14.180, 15.042, 15.951, 16.908, 17.602, 18.207, 18.486, 18.851,
    ),
    20: (
        2.7173, 3.5798, 4.7306, 5.4455, 5.9090, 6.0458, 5.8469, 5.5948,
        5.6886, 6.4443, 7.8424, 8.8579, 10.203, 11.085, 11.987, 12.942,
        13.561, 14.342, 15.166, 16.046, 16.688, 17.243, 17.498, 17.828,
    ),
    29: (
        2.1270, 2.9302, 4.1688, 5.0409, 5.7042, 6.1097, 6.0601, 5.8662,
        5.9035, 6.5631, 7.8492, 8.7903, 10.025, 10.827, 11.639, 12.493,
        13.044, 13.736, 14.468, 15.249, 15.819, 16.298, 16.511, 16.780,
    ),
    40: (
        1.6442, 2.3794, 3.6629, 4.6305, 5.4294, 6.0707, 6.2244, 6.1475,
        6.1678, 6.7653, 7.9089, 8.7349, 9.8141, 10.516, 11.231, 11.991,
        12.492, 13.137, 13.840, 14.590, 15.120, 15.560, 15.761, 16.012,
    ),
    50: (
        1.3241, 2.0093, 3.2877, 4.2964, 5.1776, 5.9980, 6.3199, 6.3688,
        6.4144, 6.9448, 7.9764, 8.7244, 9.7023, 10.336, 10.984, 11.676,
        12.134, 12.725, 13.377, 14.084, 14.592, 15.011, 15.199, 15.433,
    ),
    65: (
        0.9791, 1.5822, 2.8345, 3.8739, 4.8360, 5.8593, 6.4038, 6.6513,
        6.7830, 7.2181, 8.0634, 8.6862, 9.5078, 10.048, 10.605, 11.208,
        11.612, 12.142, 12.736, 13.396, 13.875, 14.268, 14.441, 14.656,
    ),
    74: (
        0.8371, 1.3942, 2.6113, 3.6508, 4.6437, 5.7698, 6.4312, 6.7942,
        6.9981, 7.3823, 8.1133, 8.6555, 9.3790, 9.8604, 10.363, 10.913,
        11.286, 11.779, 12.339, 12.967, 13.428, 13.799, 13.963, 14.166,
    ),
    79: (
        0.7742, 1.3093, 2.5006, 3.5341, 4.5411, 5.7189, 6.4378, 6.8640,
        7.1172, 7.4803, 8.1434, 8.6363, 9.3034, 9.7529, 10.226, 10.749,
        11.106, 11.583, 12.128, 12.744, 13.198, 13.561, 13.721, 13.919,
    ),
    92: (
        0.6471, 1.1401, 2.2473, 3.2506, 4.2833, 5.5858, 6.4300, 7.0101,
        7.4265, 7.7455, 8.2134, 8.5694, 9.0878, 9.4625, 9.8747, 10.347,
        10.675, 11.115, 11.619, 12.199, 12.639, 13.001, 13.157, 13.343,
    ),
}
# fmt: on

HIGHEST_Z = max(PHI_RAD)


def phi_rad(z: int, energy_mev: Float64Array) -> Float64Array:
    """Scaled radiative energy loss of element ``z`` at kinetic energies in MeV, dimensionless.

    Cubic splines in ln T, and monotone in Z of phi_rad Z / (Z + 1): the electrons of an
    atom radiate about as much as one more unit of nuclear charge.

    >>> round(float(phi_rad(74, np.array([1.0]))[0]), 3)
    7.382
    """
    charges = np.array(sorted(PHI_RAD))
    per_charge = np.array([np.array(PHI_RAD[int(c)]) * c / (c + 1) for c in charges])
    at_z = PchipInterpolator(charges, per_charge, axis=0)(z) * (z + 1) / z
    result: Float64Array = CubicSpline(np.log(ENERGY_MEV), at_z)(np.log(energy_mev))
    return result
