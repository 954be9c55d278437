"""Photoelectric tables from Geant4's compiled-in Sandia coefficients.

The cross section of an atom is a piecewise polynomial in 1/E (Biggs and Lighthill, Sandia report
SAND87-0070, as compiled into G4SandiaTable); its intervals end at the shells' edges. The shares
of the shells follow from the jumps at these edges: a shell takes 1 - 1/jump of what is open at
its edge, and the same share above it.

Energies here are in MeV and cross sections in barn; Geant4 tabulates E^3 sigma.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from caloforge.typing import Float64Array

Sandia = Callable[[float], Float64Array]
"""Coefficients a1..a4 (barn MeV^n) at a photon energy (MeV): sigma = sum a_n / E^n."""

TOP_ENERGY = 1e5
POINTS_PER_DECADE = 60
LOWEST_ENERGY = 8e-6
EDGE_TOLERANCE = 0.12
"""How far, relatively, Sandia's edge may lie from the shell's binding energy."""
ABOVE_ALL = 1e9
"""Threshold of Geant4's high energy parametrisation (MeV): never used, the table covers all."""


@dataclass(frozen=True)
class Atom:
    """An element: charge, binding energies of its shells (MeV, K first), Sandia coefficients."""

    z: int
    shells: Float64Array
    sandia: Sandia

    @property
    def k_edge(self) -> float:
        """Binding energy of the K shell in MeV."""
        return float(self.shells[0])

    @property
    def lowest(self) -> float:
        """Lowest energy of the tables in MeV: no shell is open below."""
        return float(max(self.shells.min(), LOWEST_ENERGY))


def cubed_cross_section(atom: Atom, energy: float) -> float:
    """E^3 sigma in MeV^3 barn, from the Sandia interval of this energy.

    Between Sandia's K edge and the tabulated binding energy the interval of the right side of
    the edge is taken.
    """
    above_k = energy >= atom.k_edge
    reach = 1 + 0.01 if above_k else 1 - 0.01
    near_k = abs(energy / atom.k_edge - 1) < 0.01
    coefficients = atom.sandia(atom.k_edge * reach if near_k else energy)
    powers = energy ** np.array([2.0, 1.0, 0.0, -1.0])
    return float(max((coefficients * powers).sum(), 0.0))


def edges(atom: Atom) -> Float64Array:
    """Energies (MeV) where Sandia's coefficients change, found by bisection."""
    grid = np.geomspace(atom.lowest, TOP_ENERGY, 4000)
    values = np.array([atom.sandia(energy) for energy in grid])
    changed = np.flatnonzero(np.any(values[1:] != values[:-1], axis=1))
    found = []
    for i in changed:
        low, high = grid[i], grid[i + 1]
        for _ in range(40):
            middle = (low + high) / 2
            if np.array_equal(atom.sandia(middle), values[i]):
                low = middle
            else:
                high = middle
        found.append(high)
    return np.array(found)


def shell_shares(atom: Atom, at: Float64Array) -> Float64Array:
    """Share of each shell in the cross section of an atom whose shells are all open."""
    still_open, shares = 1.0, []
    steps = [(energy, _jump(atom, energy)) for energy in at]
    for binding in atom.shells:
        close = [(abs(energy / binding - 1), jump) for energy, jump in steps]
        distance, jump = min(close, default=(1.0, 1.0))
        share = still_open * (1 - 1 / jump) if distance < EDGE_TOLERANCE and jump > 1.02 else 0.0
        shares.append(share)
        still_open -= share
    shares[-1] += still_open
    return np.array(shares)


def _jump(atom: Atom, energy: float) -> float:
    powers = energy ** np.array([2.0, 1.0, 0.0, -1.0])
    above = (atom.sandia(energy * 1.00001) * powers).sum()
    below = (atom.sandia(energy * 0.99999) * powers).sum()
    return float(above / below) if below > 0 else 1.0


def _sampled(atom: Atom, low: float, high: float, at: Float64Array) -> Float64Array:
    """Energies and E^3 sigma (2, n) from ``low`` to ``high``, both sides of each edge."""
    n = int(np.log10(high / low) * POINTS_PER_DECADE) + 2
    inside = at[(at > low * 1.000001) & (at < high * 0.999999)]
    energies = np.sort(np.concatenate([np.geomspace(low, high, n), inside, inside * (1 - 1e-8)]))
    return np.array([energies, [cubed_cross_section(atom, energy) for energy in energies]])


def _vector_text(points: Float64Array) -> str:
    """A vector in the format of G4PhysicsVector::Retrieve."""
    energies = points[0]
    head = f"{energies[0]:.10g} {energies[-1]:.10g} {energies.size}\n{energies.size}\n"
    return head + "".join(f"{x:.10g} {y:.9g}\n" for x, y in points.T)


def table_texts(atom: Atom) -> dict[str, str]:
    """The files ``pe-*-Z.dat`` that G4LivermorePhotoElectricModel::ReadData reads, by name."""
    at = edges(atom)
    n_shells = len(atom.shells)
    high = _sampled(atom, atom.k_edge, TOP_ENERGY, at)
    fit = f"{n_shells} {n_shells} {ABOVE_ALL:g}\n"
    fit += "".join(f"{binding:.10g} 0 0 0 0 0 0\n" for binding in atom.shells)
    texts = {"pe-cs": _vector_text(high), "pe-high": fit, "pe-low": fit}
    if n_shells > 1:
        low = _sampled(atom, atom.lowest, atom.k_edge * (1 - 1e-6), at)
        texts["pe-le-cs"] = _vector_text(low)
        texts["pe-ss-cs"] = _shells_text(atom, np.hstack([low, high]), shell_shares(atom, at))
    return {f"{name}-{atom.z}.dat": text for name, text in texts.items()}


def _shells_text(atom: Atom, points: Float64Array, shares: Float64Array) -> str:
    """Shell by shell, its part of the total among the shells open, on every fourth point."""
    is_open = atom.shells[:, None] <= points[0]
    parts = shares[:, None] * is_open
    parts *= points[1] / np.maximum(parts.sum(axis=0), 1e-30)
    text = ""
    for shell, part in enumerate(parts):
        energies, values = points[0][is_open[shell]][::4], part[is_open[shell]][::4]
        text += f"{energies[0]:.10g} {energies[-1]:.10g} {energies.size} {shell}\n"
        text += "".join(f"{x:.10g} {y:.9g}\n" for x, y in zip(energies, values, strict=True))
    return text
