"""The energies of the layers, given the primary energy: a normalising flow.

Each log(E_layer / Ep) is first made a standard normal variable by its measured quantiles, which
depend on Ep, so that every layer's distribution is right by construction; affine couplings (Dinh
et al., "Density estimation using Real NVP", arXiv 1605.08803) then learn how the layers depend on
each other.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from caloforge.networks.factorised.circle import on_circle
from caloforge.networks.factorised.conversion import FLOOR_GEV, Conversion
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.meaning import Axes, AxisBlock
from caloforge.typing import IntArray

SCORE_RANGE = 3.3
SCORE_STEPS = 32
ZERO_GEV = 1e-6
"""What a layer without energy is learned as: the quantiles are interpolated between it and the
faintest real layers, of 0.1 MeV, and half-way it is zero again."""


class LayerEnergies(nn.Module):
    """Energies (N, Z) of the layers in GeV from uniform latents (N, latent_dim) and Ep.

    ``local``: the layers' correlations are those at the shower's condition, not one for all.
    ``conversion``: the layer in which the shower begins is drawn, and quantiles, correlations and
    flow are of what lies at depths counted from there (:mod:`.conversion`).
    ``draws_sum``: the sum of all layers, and of what leaks out behind the last, is a variable of
    its own, which the layers share: where hardly any energy is lost, they say it far less well than
    it is known.  ``weight`` (Z): of the layers in it, 1 but for the leakage.
    """

    def __init__(
        self,
        layers: int,
        steps: int,
        width: int,
        knots: Knots,
        *,
        local: bool = False,
        conversion: Conversion | None = None,
        draws_sum: bool = False,
    ) -> None:
        super().__init__()
        self.size = (layers if conversion is None else conversion.size) + draws_sum
        self.knots, self.local, self.draws_sum = knots, local, draws_sum
        self.conversion = conversion
        self.flow_dim = 2 * math.ceil(self.size / 2)
        self.latent_dim = self.flow_dim + (0 if conversion is None else Conversion.latent_dim)
        shuffle = np.random.default_rng(0)
        self.couplings = nn.ModuleList(
            Coupling(self.size, knots.features, width, shuffle.permutation(self.size))
            for _ in range(steps)
        )
        self.register_buffer("whitening", torch.eye(self.size))
        colouring = torch.eye(self.size)
        self.register_buffer(
            "colouring", colouring.repeat(knots.size, 1, 1) if local else colouring
        )
        self.register_buffer("quantiles", torch.zeros(knots.size, self.size, SCORE_STEPS + 1))
        self.register_buffer("levels", torch.linspace(-SCORE_RANGE, SCORE_RANGE, SCORE_STEPS + 1))
        self.register_buffer("scale", torch.ones(layers))
        if draws_sum:
            self.register_buffer("weight", torch.ones(layers))
        self.register_buffer("response", torch.tensor([[0.0, 1.0]]).repeat(knots.size, 1))
        self.whitening: Tensor
        self.colouring: Tensor
        self.quantiles: Tensor
        self.levels: Tensor
        self.scale: Tensor
        self.weight: Tensor
        self.response: Tensor

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        """Layer energies (N, Z) in GeV."""
        flow = normal_from_uniform(latent[:, : self.flow_dim])[:, : self.size]
        for coupling in reversed(self.couplings):
            flow = coupling.generate(flow, condition.features)  # type: ignore[operator]
        score = self._coloured(flow, condition).clamp(-SCORE_RANGE, SCORE_RANGE)
        table = self.table(condition)
        steps = ((score[..., None] - self.levels[:-1]) / self._step).clamp(0.0, 1.0)
        log_fraction = table[..., 0] + (steps * (table[..., 1:] - table[..., :-1])).sum(dim=2)
        layer_energy = log_fraction.exp()
        if self.draws_sum:
            layer_energy, whole = layer_energy[:, :-1], layer_energy[:, -1:]
        if self.conversion is not None:
            layer_energy = self.conversion(latent[:, self.flow_dim :], layer_energy, condition)
        layer_energy = layer_energy * self.scale
        if self.draws_sum:
            made = (layer_energy * self.weight).sum(dim=1, keepdim=True)
            layer_energy = layer_energy * (whole / made.clamp(min=1e-9))
        layer_energy = layer_energy * condition.energy[:, None]
        offset, slope = (condition.weights @ self.response).chunk(2, dim=1)
        sampled = layer_energy.sum(dim=1, keepdim=True) / condition.energy[:, None]
        layer_energy = layer_energy * (slope + offset / sampled.clamp(min=1e-9))
        return torch.where(layer_energy < FLOOR_GEV, 0.0, layer_energy)

    def counted(self, layer_energy: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (N, size) whose scores the flow knows, of those of the detector's layers (N, Z);
        and which of them are unknown."""
        counted, unknown = layer_energy, torch.zeros_like(layer_energy, dtype=torch.bool)
        if self.conversion is not None:
            counted, unknown = self.conversion.counted(layer_energy)
        if not self.draws_sum:
            return counted, unknown
        whole = (layer_energy * self.weight).sum(dim=1, keepdim=True)
        known = torch.zeros_like(unknown[:, :1])
        return torch.cat([counted, whole], dim=1), torch.cat([unknown, known], dim=1)

    def scores(self, layer_energy: Tensor, condition: Condition) -> Tensor:
        """Normal scores (N, Z) of measured layer energies (N, Z) in GeV."""
        value = log_fraction(layer_energy, condition.energy)[..., None]
        table = self.table(condition)
        low, high = table[..., :-1], table[..., 1:]
        steps = ((value - low) / (high - low).clamp(min=1e-6)).clamp(0.0, 1.0)
        return self.levels[0] + self._step * steps.sum(dim=2)

    def negative_log_likelihood(self, score: Tensor, condition: Condition) -> Tensor:
        """(N,) in nats, of normal scores (N, Z), up to a constant."""
        flow, volume = self._whitened(score, condition), torch.zeros(len(score))
        for coupling in self.couplings:
            flow, change = coupling(flow, condition.features)
            volume = volume + change
        return 0.5 * (flow * flow).sum(dim=1) - volume

    def _coloured(self, flow: Tensor, condition: Condition) -> Tensor:
        """Correlated scores (N, Z) from independent ones."""
        if not self.local:
            return flow @ self.colouring.T
        return (self._colouring_at(condition) @ flow[..., None])[..., 0]

    def _whitened(self, score: Tensor, condition: Condition) -> Tensor:
        """The inverse of :meth:`_coloured`."""
        if not self.local:
            return score @ self.whitening.T
        root = self._colouring_at(condition)
        independent: Tensor = torch.linalg.solve_triangular(root, score[..., None], upper=False)
        return independent[..., 0]

    def _colouring_at(self, condition: Condition) -> Tensor:
        """Roots (N, Z, Z) of the correlations."""
        return (condition.weights @ self.colouring.flatten(1)).reshape(-1, self.size, self.size)

    @property
    def _step(self) -> float:
        return 2.0 * SCORE_RANGE / SCORE_STEPS

    def table(self, condition: Condition) -> Tensor:
        """Quantiles (N, Z, levels) of log(E / Ep)."""
        return (condition.weights @ self.quantiles.flatten(1)).reshape(
            -1, *self.quantiles.shape[1:]
        )


class Coupling(nn.Module):
    """One affine coupling: one half of the variables scales and shifts the other half."""

    def __init__(self, size: int, features: int, width: int, order: IntArray) -> None:
        super().__init__()
        self.kept, self.features = size // 2, features
        self.register_buffer("order", torch.from_numpy(order))
        self.register_buffer("inverse_order", torch.from_numpy(np.argsort(order)))
        self.order: Tensor
        self.inverse_order: Tensor
        self.network = nn.Sequential(
            nn.Linear(self.kept + features, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2 * (size - self.kept)),
        )
        nn.init.zeros_(self.network[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.network[-1].bias)  # type: ignore[arg-type]

    def forward(self, data: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """From data (N, size) towards noise, with the log of the volume change (N,)."""
        ordered = data[:, self.order]
        kept, moved = ordered[:, : self.kept], ordered[:, self.kept :]
        log_scale, shift = self._affine(kept, condition)
        moved = (moved - shift) * torch.exp(-log_scale)
        return torch.cat([kept, moved], dim=1), -log_scale.sum(dim=1)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        inputs = (AxisBlock("kept", self.kept), AxisBlock("features", self.features))
        return {"network.0.weight": {1: inputs}}

    def generate(self, noise: Tensor, condition: Tensor) -> Tensor:
        """From noise (N, size) towards data: the inverse of :meth:`forward`."""
        kept, moved = noise[:, : self.kept], noise[:, self.kept :]
        log_scale, shift = self._affine(kept, condition)
        ordered = torch.cat([kept, moved * torch.exp(log_scale) + shift], dim=1)
        return ordered.index_select(1, self.inverse_order)

    def _affine(self, kept: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        log_scale, shift = self.network(torch.cat([kept, condition], dim=1)).chunk(2, dim=1)
        return torch.tanh(log_scale), shift


def normal_from_uniform(uniform: Tensor) -> Tensor:
    """Standard normal numbers (N, 2k) from uniform ones (N, 2k) in [0, 1): Box and Muller."""
    radius_from, angle = uniform.chunk(2, dim=1)
    radius = torch.sqrt(-2.0 * torch.log(1.0 - radius_from.clamp(max=1.0 - 1e-7)))
    cosine, sine = on_circle(angle)
    return torch.cat([radius * cosine, radius * sine], dim=1)


def log_fraction(layer_energy: Tensor, energy: Tensor) -> Tensor:
    """log(E / Ep) (N, Z) of layer energies (N, Z) and primary energies (N,), both in GeV."""
    return (layer_energy.clamp(min=ZERO_GEV) / energy[:, None]).log()
