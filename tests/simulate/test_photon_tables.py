"""Photoelectric tables from Sandia coefficients, Rayleigh tables from form factors."""

import io

import numpy as np
import pytest

from caloforge.simulate import rayleigh
from caloforge.simulate.photoelectric import (
    Atom,
    cubed_cross_section,
    edges,
    shell_shares,
    table_texts,
)

K_EDGE, JUMP = 0.02, 5.0


def toy_atom() -> Atom:
    """Two shells; sigma = 1 barn MeV^3 / E^3, five times that above Sandia's own K edge."""

    def sandia(energy: float) -> np.ndarray:
        return np.array([0.0, 0.0, JUMP if energy > K_EDGE * 1.003 else 1.0, 0.0])

    return Atom(14, np.array([K_EDGE, 0.0001]), sandia)


def test_edges_are_found_to_many_digits() -> None:
    assert edges(toy_atom()) == pytest.approx([K_EDGE * 1.003], rel=1e-9)


def test_the_jump_moves_to_the_binding_energy() -> None:
    atom = toy_atom()
    assert cubed_cross_section(atom, K_EDGE * 0.999999) == pytest.approx(1)
    assert cubed_cross_section(atom, K_EDGE) == pytest.approx(JUMP)


def test_shares_follow_from_the_jump() -> None:
    atom = toy_atom()
    assert shell_shares(atom, edges(atom)) == pytest.approx([1 - 1 / JUMP, 1 / JUMP])


def test_shell_tables_add_up_to_the_total() -> None:
    lines = table_texts(toy_atom())["pe-ss-cs-14.dat"].splitlines()
    shells, at = {}, 0
    while at < len(lines):
        low, _, n, shell = (float(word) for word in lines[at].split())
        values = np.loadtxt(io.StringIO("\n".join(lines[at + 1 : at + 1 + int(n)])))
        assert values[0, 0] == pytest.approx(low)
        shells[int(shell)] = values
        at += 1 + int(n)
    above = [np.interp(0.1, *values.T) for values in shells.values()]
    assert sum(above) == pytest.approx(JUMP, rel=1e-6)
    assert np.interp(0.001, *shells[1].T) == pytest.approx(1, rel=1e-6)


def test_vectors_announce_their_length() -> None:
    lines = table_texts(toy_atom())["pe-cs-14.dat"].splitlines()
    assert int(lines[0].split()[2]) == int(lines[1]) == len(lines) - 2


@pytest.mark.parametrize("z", [1, 14, 74])
def test_long_waves_scatter_off_the_whole_atom(z: int) -> None:
    thomson = 8 / 3 * np.pi * rayleigh.CLASSICAL_RADIUS_MM**2
    assert rayleigh.cross_section(z, 1e-6) == pytest.approx(thomson * z**2, rel=1e-3)


def test_rayleigh_falls_with_the_square_of_the_energy() -> None:
    ratio = rayleigh.cross_section(29, 10.0) / rayleigh.cross_section(29, 100.0)
    assert ratio == pytest.approx(100, rel=1e-3)
