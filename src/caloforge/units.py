"""The unit system: energies in GeV, lengths in mm, times in ns, angles in rad.

A quantity is brought into it by multiplication and out of it by division.

>>> 250 * MeV
0.25
>>> round(90 * degree, 4)
1.5708
"""

from math import pi

GeV = 1.0
TeV = 1e3 * GeV
MeV = 1e-3 * GeV
keV = 1e-6 * GeV
eV = 1e-9 * GeV

mm = 1.0
cm = 10.0 * mm

ns = 1.0
speed_of_light = 299.792458 * mm / ns

rad = 1.0
degree = pi / 180.0
