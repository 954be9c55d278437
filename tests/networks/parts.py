"""Showers as the measured parts of the factorised network take them, and short ways to measure."""

import math

import numpy as np
import torch

from caloforge.networks.factorised.deposits import CLASSES, EXPECTATIONS
from caloforge.networks.factorised.fit.deposits import (
    BIN_WIDTH,
    BINS,
    LOWEST_LOG_RATIO,
    quantile_row,
)
from caloforge.networks.factorised.fit.expectation import ExpectedShowers
from caloforge.networks.factorised.fit.layers import LayerCalibration, LayerQuantiles
from caloforge.networks.objective import Batch


def expected(
    condition, cells=None, *, layer_energy=None, axis=None, window=None, mean=None, centre=None,
    beside=None,
):  # fmt: skip
    """Showers of a condition, with what the test gives of the rest."""
    showers = Batch(cells, condition.energy, condition.theta)
    return ExpectedShowers(showers, layer_energy, condition, axis, centre, window, mean, beside)


def measure(part, showers):
    """Measure a part on showers, from the beginning."""
    with torch.no_grad():
        part.reset()
        for some in showers:
            part.add(some)
        part.apply()


def set_quantiles(layers, layer_energy, energy, theta):
    """Measure the quantiles of the layers' energies."""
    condition = layers.knots(energy, theta)
    measure(LayerQuantiles([layers]), [expected(condition, layer_energy=layer_energy)])


def calibrate(layers, layer_energy, condition):
    """Correct the means and the response of the flow."""
    measure(LayerCalibration(layers), [expected(condition, layer_energy=layer_energy)])


def made_by(layers, layer_energy, energy):
    """Layer energies as many as those of perpendicular showers of the energies, which the layers
    are measured on, before their flow is trained."""
    condition = layers.knots(energy, torch.full_like(energy, math.pi / 2))
    quantiles = LayerQuantiles([layers], censored=True)
    measure(quantiles, [expected(condition, layer_energy=layer_energy)])
    calibrate(layers, layer_energy, condition)
    with torch.no_grad():
        return layers(torch.rand(len(energy), layers.latent_dim), condition)


def toy_row(row):
    """A table's row for deposits of 0.1 to 0.5 MeV, Poisson in number."""
    expected_gev = 10 ** (row / 8 - 8)
    chance = 1 - math.exp(-expected_gev / 3e-4)
    histogram = torch.zeros(BINS, dtype=torch.float64)
    for ratio in np.linspace(0.3, 1.7, 20) / chance:
        histogram[int((math.log(ratio) - LOWEST_LOG_RATIO) / BIN_WIDTH)] += 1
    return quantile_row(histogram, chance, row)


def deposited(sampler, mean, layer_energy, condition):
    """Random deposits of cells that expect energies, all in GeV."""
    quantile, dither = torch.rand(mean.shape), torch.rand(mean.shape)
    row = sampler.rows(mean, layer_energy, condition, dither)
    return mean * sampler.ratio(row, quantile)


def set_deposits(sampler):
    """Give every class of layers the same toy rows."""
    rows = [toy_row(row) for row in range(EXPECTATIONS)]
    sampler.table.copy_(torch.stack(rows).repeat(CLASSES, 1).flatten())
