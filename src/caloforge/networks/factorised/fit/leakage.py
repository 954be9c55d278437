"""How much energy leaves a calorimeter behind its last layer."""

from __future__ import annotations

import torch
from torch import Tensor

from caloforge.networks.factorised.knots import Condition


def leakage(layer_energy: Tensor, condition: Condition) -> float:
    """Energy lost behind the last layer, for an energy in it: by how much the sum of layer energies
    (N, Z) in GeV falls as that of the last rises, at equal Ep (least squares)."""
    fractions = layer_energy.double() / condition.energy.double()[:, None]
    design = torch.cat([condition.weights.double(), fractions[:, -1:]], dim=1)
    usual = torch.linalg.lstsq(design, fractions.sum(dim=1, keepdim=True)).solution
    return max(0.0, -float(usual[-1]))
