"""Which particle a shower began with: Geant4's name of it, and its PDG number."""

import math

from caloforge.errors import InputError

UNKNOWN = "unknown"
"""The particle of showers that nothing tells it of; a stated value, never taken for electrons."""

PDG = {
    "e-": 11, "e+": -11, "mu-": 13, "mu+": -13, "gamma": 22, "pi0": 111, "pi+": 211, "pi-": -211,
    "kaon+": 321, "kaon-": -321, "kaon0L": 130, "kaon0S": 310, "neutron": 2112,
    "anti_neutron": -2112, "proton": 2212, "anti_proton": -2212,
}  # fmt: skip
"""Geant4's names -> numbers of the Particle Data Group."""

NAMES = {number: name for name, number in PDG.items()}
OTHER_NAMES = {
    "electron": "e-", "positron": "e+", "photon": "gamma", "pion": "pi+", "proton+": "proton",
    "muon": "mu-", "k+": "kaon+", "k-": "kaon-",
}  # fmt: skip
"""What else files call them, in small letters."""


def particle_name(value: object) -> str:
    """The particle that a name or a PDG number means; ``unknown`` for number 0 and no name.

    A number that has no name here is kept, as ``pdg 1000020040``.

    Raises
    ------
    InputError
        if it is neither a name that is known nor a PDG number.

    >>> particle_name("photon"), particle_name(-11), particle_name(22.0), particle_name("211")
    ('gamma', 'e+', 'gamma', 'pi+')
    """
    text = str(value).strip()
    lower = text.lower()
    if lower in ("", "0", "none", UNKNOWN):
        return UNKNOWN
    by_letter = {name.lower(): name for name in PDG}
    if name := by_letter.get(lower) or OTHER_NAMES.get(lower):
        return name
    try:
        number = float(lower.removeprefix("pdg"))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        msg = f"particle '{text}' is unknown: allowed are {', '.join(PDG)} or a PDG number"
        raise InputError(msg)
    return UNKNOWN if number == 0 else NAMES.get(int(number), f"pdg {int(number)}")


def pdg_number(name: str) -> int:
    """The PDG number of a particle's name, 0 where it is unknown; errors as of particle_name.

    >>> pdg_number("pi-"), pdg_number("pdg 1000020040"), pdg_number("unknown")
    (-211, 1000020040, 0)
    """
    found = particle_name(name)
    if found in PDG:
        return PDG[found]
    return 0 if found == UNKNOWN else int(found.removeprefix("pdg "))


def may_be_same(first: str, second: str) -> bool:
    """Whether two samples may be of one particle: their names agree, or one is unknown."""
    return first == second or UNKNOWN in (first, second)
