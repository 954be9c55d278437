"""Where the energy of a layer falls: Gaussians about the shower's axis, integrated over pads.

A perpendicular electromagnetic shower is round about its axis, so a layer's lateral profile is a
mixture of round Gaussians whose weights depend on the shower (its energy and where in depth its
energy lies).  The integral of each over a square pad is a product of two differences of erf,
exact for any position of the axis.  In an inclined shower a layer cuts the Gaussians aslant: they
are longer along y by 1 / sin(theta), and what has flown further to one side is older, which moves
a Gaussian by a learned distance times cot(theta).  Towards any other direction it is the same, as
matter looks the same from all sides (:mod:`.aslant`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from caloforge.networks.factorised.aslant import halves
from caloforge.networks.factorised.knots import Condition, Knots
from caloforge.networks.factorised.shared_weights import SharedWeights, perceptron
from caloforge.networks.meaning import Axes, AxisBlock

NARROWEST_PADS, WIDEST_PADS = 0.06, 7.0
FAINTEST_SHARE = 1e-12
"""Of a Gaussian in the image: of one that lies outside of it nothing is left."""
SHIFT_SIGMAS = 8.0
"""Shift in widths of a Gaussian, for a unit of cot(theta), where its parameter is 1."""


class ExpectedCells(NamedTuple):
    """Energies in GeV expected in the ``cells`` (N, X, Y, Z) of the window and ``beside`` it
    (N, Z); ``larger`` (N, Z): logarithm of the size of a layer's deposits over the usual one, or
    None, where all are as usual."""

    cells: Tensor
    beside: Tensor
    larger: Tensor | None


class LateralMixture(nn.Module):
    """The Gaussians of each layer, ``number`` of them: their widths and their weights.

    ``log_sigma`` (number,): logarithms of the widths in pads, at first up to ``widest``.
    ``shared``: one network weighs them in all layers (:class:`SharedWeights`), and, with ``sizes``,
    says how large the layers' deposits are.
    """

    def __init__(
        self,
        layers: int,
        number: int,
        width: int,
        knots: Knots,
        widest: float = WIDEST_PADS,
        *,
        shared: bool = False,
        sizes: bool = False,
    ) -> None:
        super().__init__()
        self.grid, self.features, self.shared = (layers, number), knots.features, shared
        self.sizes = sizes
        sigmas = torch.linspace(math.log(NARROWEST_PADS), math.log(widest), number)
        self.log_sigma = nn.Parameter(sigmas)
        if shared:
            self.network: nn.Module = SharedWeights(layers, number, width, knots, sizes=sizes)
            return
        self.network = perceptron(knots.features + layers, width, layers * number)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        if self.shared:
            return {}
        layers, rings = self.grid
        inputs = (AxisBlock("layers", layers), AxisBlock("features", self.features))
        outputs = (AxisBlock("layers", layers, rings),)
        return {
            "network.0.weight": {1: inputs},
            "network.4.weight": {0: outputs},
            "network.4.bias": {0: outputs},
        }

    def weights(self, layer_energy: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        """Weights (N, Z, number) of the Gaussians in each layer, which add up to one; and how much
        larger its deposits are, as :class:`ExpectedCells` has it."""
        if self.shared:
            logits, larger = self.network(layer_energy, condition)
            return torch.softmax(logits, dim=2), larger
        total = layer_energy.sum(dim=1, keepdim=True).clamp(min=1e-12)
        fractions = (torch.log(layer_energy / total + 1e-4) + 4.0) * 0.5
        logits = self.network(torch.cat([fractions, condition.features], dim=1))
        return torch.softmax(logits.reshape(-1, *self.grid), dim=2), None

    def energies(self, layer_energy: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        """What the Gaussians hold of each layer's energy (N, Z, number) in GeV; and as
        :meth:`weights` how much larger its deposits are."""
        weights, larger = self.weights(layer_energy, condition)
        return weights * layer_energy[..., None], larger

    def set_usual_response(self, usual: Tensor) -> None:
        """Tell the network, which says how large deposits are, what response is usual, as
        :class:`SharedWeights` has it."""
        assert isinstance(self.network, SharedWeights)
        self.network.usual.copy_(usual)

    def network_tables(self) -> dict[str, Tensor]:
        """What a sampler reads of the network beside its weights."""
        return self.network.tables() if isinstance(self.network, SharedWeights) else {}


class TransversePattern(LateralMixture):
    """Expected cell energies in a window of pads, given layer energies and the axis.

    ``window`` (X, Y) pads; ``whole``: the window is all there is, no energy falls beside it.
    """

    def __init__(
        self,
        window: tuple[int, int],
        layers: int,
        rings: int,
        width: int,
        knots: Knots,
        *,
        whole: bool = True,
        shared: bool = False,
        sizes: bool = False,
    ) -> None:
        super().__init__(layers, rings, width, knots, shared=shared, sizes=sizes)
        self.whole, self.inclined = whole, knots.inclined
        if self.inclined:
            self.shift = nn.Parameter(torch.zeros(2, layers, rings))
        for axis, pads in zip(("x", "y"), window, strict=True):
            self.register_buffer(f"{axis}_edges", torch.arange(pads + 1) - (pads // 2 + 0.5))
        self.x_edges: Tensor
        self.y_edges: Tensor

    def forward(
        self, layer_energy: Tensor, condition: Condition, axis_x: Tensor, axis_y: Tensor
    ) -> ExpectedCells:
        """What cells expect.

        ``layer_energy`` (N, Z) in GeV; ``axis_x`` (N,) and ``axis_y`` (N, Z): the shower axis in
        pads from the centre of the window's middle pad.
        """
        energies, larger = self.energies(layer_energy, condition)
        slope = torch.exp(-self.log_sigma) / math.sqrt(2.0)
        in_x = self._pads(self.x_edges, axis_x[:, None], slope)
        if self.inclined:
            in_y = self._pads(
                self.y_edges,
                axis_y[..., None] + self._shifted(condition),
                slope / condition.stretch[..., None],
            )
            return ExpectedCells(*_in_window(energies, in_x[:, None], in_y), larger)
        in_y = self._pads(self.y_edges, axis_y[:, :1], slope)
        rings = in_x[:, :, None] * in_y[:, None]
        cells = rings.flatten(1, 2) @ energies.transpose(1, 2)
        outside = 1.0 - in_x.sum(dim=1) * in_y.sum(dim=1)
        cells = cells.reshape(-1, *rings.shape[1:3], self.grid[0])
        return ExpectedCells(cells, (energies @ outside[..., None])[..., 0], larger)

    def aslant(
        self, layer_energy: Tensor, condition: Condition, axis: Tensor, toward: Tensor
    ) -> ExpectedCells:
        """As :meth:`forward`, of showers that lean along unit vectors ``toward`` (N, 2).

        ``axis`` (N, Z, 2): in pads from the centre of the window's middle pad.
        """
        energies, larger = self.energies(layer_energy, condition)
        slope = torch.exp(-self.log_sigma) / math.sqrt(2.0)
        width, apart = halves(condition.stretch, toward)
        moved = self._shifted(condition)
        both = []
        for side in (1.0, -1.0):
            in_x, in_y = (
                self._pads(
                    edges,
                    axis[..., number, None] + moved * toward[:, number, None, None],
                    slope / width[:, number, None, None],
                    side * apart[:, number, None, None, None],
                )
                for number, edges in enumerate((self.x_edges, self.y_edges))
            )
            both.append(_in_window(energies, in_x, in_y))
        (cells, beside), (others, others_beside) = both
        return ExpectedCells(0.5 * (cells + others), 0.5 * (beside + others_beside), larger)

    def axes(self) -> dict[str, Axes]:
        """See :mod:`caloforge.networks.meaning`."""
        return super().axes() | {"shift": {1: (AxisBlock("layers", self.grid[0]),)}}

    def tables(self) -> dict[str, Tensor]:
        """What a sampler reads of it, beside the network."""
        found = self.network_tables()
        found["steepness"] = torch.exp(-self.log_sigma) / math.sqrt(2.0)
        if not self.inclined:
            return found
        at, with_energy = self.shift * (SHIFT_SIGMAS * self.log_sigma.exp())
        return found | {"shift.at": at, "shift.with_energy": with_energy}

    def _shifted(self, condition: Condition) -> Tensor:
        """How far (N, Z, rings) in pads the Gaussians are from the axis, where showers lean."""
        at, with_energy = self.shift * (SHIFT_SIGMAS * self.log_sigma.exp())
        shifted: Tensor = at + with_energy * condition.features[:, :1, None]
        return shifted * condition.slope[..., None]

    def _pads(
        self, edges: Tensor, centre: Tensor, slope: Tensor, apart: Tensor | None = None
    ) -> Tensor:
        """Share (..., pads, rings) of Gaussians at ``centre`` (..., rings) in each row of pads;
        ``apart``: how far from there, as of :class:`caloforge.networks.factorised.aslant.Halves`.
        """
        place = (edges[:, None] - centre[..., None, :]) * slope[..., None, :]
        below = torch.erf(place if apart is None else place - apart)
        share = below[..., 1:, :] - below[..., :-1, :]
        if not self.whole:
            return 0.5 * share
        return share / share.sum(dim=-2, keepdim=True).clamp(min=FAINTEST_SHARE)


def _in_window(weights: Tensor, in_x: Tensor, in_y: Tensor) -> tuple[Tensor, Tensor]:
    """Energies (N, X, Y, Z) in the window and (N, Z) beside it, of Gaussians that hold weights
    (N, Z, rings) in GeV, for their shares in each row (N, Z, pads, rings) of pads along x and y."""
    cells = (in_x * weights[:, :, None]) @ in_y.transpose(2, 3)
    inside = in_x.sum(dim=2) * in_y.sum(dim=2)
    return cells.permute(0, 2, 3, 1), (weights * (1.0 - inside)).sum(dim=2)
