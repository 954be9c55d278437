"""Small networks of every kind that the native sampler knows, and model files of their tables."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from torch import Tensor

from caloforge.card import METADATA_KEY, TABLES, Latent, ModelCard, TrainingRecord
from caloforge.detector import Detector, Window, load_detector
from caloforge.networks.base import Domain
from caloforge.networks.factorised.axis import IMPACTS
from caloforge.networks.factorised.deposits import CLASSES, EXPECTATIONS, QUANTILES
from caloforge.networks.factorised.fit.hit_numbers import chances
from caloforge.networks.factorised.fit.layers import LayerQuantiles, usual_response
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions
from caloforge.networks.factorised.hit_numbers import MOST_HITS
from caloforge.networks.factorised.layers import LayerEnergies
from caloforge.networks.factorised.rings.noise import RingNoise
from caloforge.networks.factorised.tables import TABLES_KEY, description, tables
from caloforge.units import degree
from tests.conftest import make_tiny_cylinder, make_toy_detector
from tests.networks.parts import expected, measure, set_quantiles

ENERGY_GEV = (10.0, 500.0)
LOCAL = {"local_correlations": True}
MADE = {**LOCAL, "shared_pattern": True, "off_centre": True}
LATE = {**LOCAL, "conversion": True}
SIZED = {**MADE, "deposit_sizes": True}
COUNTED = {**MADE, "counted_hits": True, "layer_classes": (0.08, 2.0)}
THICK = {
    **LATE, "draws_sum": True, "deep_sharing": 0.2, "layer_classes": (0.03, 3.0),
    "begins_above_gev": 0.01, "layers_before": 2,
}  # fmt: skip


class Toy(NamedTuple):
    """A network's window of its detector, the pads about the axis, and its other options."""

    image: str
    window: tuple[int, int] | None
    options: dict[str, Any] = {}

    @property
    def detector(self) -> Detector:
        """Four layers of silicon, or a cylinder."""
        if self.image == "dataset1":
            return load_detector("calochallenge_photons")
        if self.image == "rings":
            return make_tiny_cylinder()
        detector = make_toy_detector()
        inclined = {"theta_deg": (60.0, 120.0)}
        windows = {
            "one": Window(shape=(1, 1)), "narrow": Window(shape=(3, 9)),
            "even": Window(shape=(8, 8)), "even_angle": Window(shape=(12, 12), **inclined),
            "oblong": Window(shape=(8, 10), **inclined),
        }  # fmt: skip
        return detector.model_copy(update={"windows": {**detector.windows, **windows}})


TOYS = {
    "whole": Toy("fixed", None),
    "inclined": Toy("angle", (5, 5)),
    "whole_inclined": Toy("angle", None, MADE),
    "late": Toy("angle", (5, 5), LATE),
    "shared": Toy("fixed", (5, 5), MADE),
    "shared_inclined": Toy("angle", (5, 5), {**LATE, **MADE}),
    "even": Toy("even", (6, 6)),
    "even_whole": Toy("even", None, MADE),
    "even_inclined": Toy("even_angle", (6, 6)),
    "oblong": Toy("oblong", (6, 6)),
    "placed": Toy("angle", (5, 5), {**LATE, "layer_places": (0, 1, 3, 4)}),
    "sum": Toy("fixed", None, {"draws_sum": True}),
    "thick": Toy("even", (6, 6), {**THICK, **MADE}),
    "thick_inclined": Toy("angle", (5, 5), {**THICK, "layer_places": (0, 2, 3, 5)}),
    "counted": Toy("fixed", None, COUNTED),
    "counted_inclined": Toy("angle", (5, 5), COUNTED),
    "thick_counted": Toy("even", (6, 6), {**THICK, **COUNTED}),
    "sized": Toy("fixed", (5, 5), SIZED),
    "sized_counted_inclined": Toy("angle", (5, 5), {**COUNTED, **SIZED}),
    "small": Toy("fixed", (3, 3), {**SIZED, **COUNTED}),
    "small_even": Toy("even_angle", (4, 4), MADE),
    "small_thick": Toy("narrow", None, {**THICK, **MADE, "sharing": 0.0}),
    "one": Toy("one", None, MADE),
    "read": Toy("fixed", (5, 5), {**MADE, "reads_impact": True}),
    "blocks": Toy(
        "even",
        None,
        {
            **MADE,
            "reads_impact": True,
            "layer_classes": (0.3, 2.4),
            "largest_gev": 40.0,
        },
    ),
    "rings": Toy("rings", None),
    "sized_rings": Toy("rings", None, {**COUNTED, **SIZED, "off_centre": False}),
    "counted_rings": Toy("rings", None, {**COUNTED, "off_centre": False}),
    "thick_rings": Toy("dataset1", None, {**THICK, "shared_pattern": True}),
}
"""Kinds of networks by what is of their own."""


@torch.no_grad()
def toy_network(toy: Toy) -> tuple[FactorisedGenerator, ModelCard]:
    """The network, and the card that a model file of it has."""
    detector = toy.detector
    theta = tuple(angle * degree for angle in detector.windows[toy.image].theta_deg)
    options = FactorisedOptions(
        flow_steps=2, flow_width=8, rings=4, pattern_width=8, window=toy.window,
        halo_particles=20, **toy.options,
    )  # fmt: skip
    torch.manual_seed(0)
    network = FactorisedGenerator(options, Domain.of(detector, toy.image, ENERGY_GEV, theta))
    fill(network)
    card = ModelCard(
        name="toy", network="factorised", detector=detector, detector_digest=detector.digest,
        window=toy.image, energy_range_gev=ENERGY_GEV, theta_range_rad=theta,
        latent=Latent(dim=network.latent_dim, distribution="uniform"),
        training=TrainingRecord(recipe={"network": options.model_dump(mode="json")}), **TABLES,
    )  # fmt: skip
    return network.eval(), card


def write_tables(path: Path, network: FactorisedGenerator, card: ModelCard) -> None:
    """A model file with a network's tables and a graph for the look of it, which samplers do not
    read: exporting the true one takes seconds."""
    initializers = tables(network)
    described = description(network, card.energy_range_gev, card.theta_range_rad, initializers)
    shapes = {"latent": [card.latent.dim], "energy": [], "theta": [], "cells": card.cell_shape}
    *inputs, output = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["N", *shape])
        for name, shape in shapes.items()
    )
    initializers["shape"] = np.int64([-1, *card.cell_shape])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Reshape", ["latent", "shape"], ["cells"])], "tables",
        inputs, [output],
        [onnx.numpy_helper.from_array(values, name) for name, values in initializers.items()],
    )  # fmt: skip
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10
    )
    onnx.helper.set_model_props(
        model, {METADATA_KEY: card.model_dump_json(), TABLES_KEY: described}
    )
    path.write_bytes(model.SerializeToString())


def fill(network: FactorisedGenerator) -> None:
    """Random weights, and tables with the properties of measured ones."""
    for parameter in network.parameters():
        parameter.add_(0.1 * torch.randn_like(parameter))
    fill_layers(network)
    fill_noise(network)
    network.deposits.shift.add_(0.5 * torch.randn_like(network.deposits.shift))
    largest = network.deposits.largest_gev
    rows = [deposit_row(largest * 10 ** (row / 8 - 8)) for row in range(EXPECTATIONS)]
    rows = torch.stack(rows)
    of_class = torch.linspace(0.9, 1.1, CLASSES)[:, None, None]
    network.deposits.table.copy_((rows * of_class).flatten())
    if network.hit_numbers is not None:
        table = network.hit_numbers.table
        table.copy_(torch.randint(1, 1 + MOST_HITS, table.shape).float())
        network.hit_numbers.chance.copy_(chances(network.deposits.table))
    if network.axis.moves_centre:
        network.axis.pull.copy_(torch.linspace(0.8, 0.3, len(network.axis.pull)))
        network.axis.rarity.copy_(torch.linspace(2.0, 1.0, len(network.axis.rarity)))
    if network.axis.reads_impact:
        steeper = torch.tensor([[1.5], [2.0]])
        network.axis.impact.copy_(0.5 * torch.linspace(0.0, 1.0, IMPACTS) ** steeper)
    if network.knots.inclined:
        network.axis.lean.fill_(-0.1)
        network.axis.wander.fill_(0.05)
    if network.halo is not None:
        network.halo.per_gev.fill_(300.0)
        network.halo.pairs.copy_(torch.tensor([0.1, 0.3]))
        network.halo.deposit.copy_(torch.linspace(1e-5, 1e-3, len(network.halo.deposit)))
        network.halo.kept.copy_(torch.rand_like(network.halo.kept))


def fill_layers(network: FactorisedGenerator) -> None:
    """Layer energies, and where showers begin."""
    layers, energy = network.layers, 10.0 * 50.0 ** torch.rand(2000)
    tilt = math.atan(network.knots.steepest) if network.knots.inclined else 0.0
    theta = math.pi / 2 + tilt * (2.0 * torch.rand(2000) - 1.0)
    noise = 0.2 * torch.randn(2000, 1) + 0.2 * torch.randn(2000, layers.scale.numel())
    layer_energy = 0.003 * energy[:, None] ** 0.95 * torch.exp(noise)
    if layers.size > layers.scale.numel():
        set_places(layers, layer_energy, energy, theta)
    else:
        set_quantiles(layers, layer_energy, energy, theta)
    if layers.local:
        layers.colouring.add_(0.2 * torch.rand_like(layers.colouring).tril())
        for coupling in layers.couplings:
            coupling.network[-1].weight.zero_()
            coupling.network[-1].bias.zero_()
    if network.pattern.sizes:
        network.pattern.set_usual_response(
            usual_response(network.knots, layer_energy, energy, theta)
        )
        network.pattern.network.network[-1].weight[-1].copy_(torch.linspace(-3.0, 3.0, 8))
    if layers.conversion is not None:
        begun = layers.conversion.begun
        begun.copy_(torch.linspace(0.5, 1.0, begun.shape[1]).expand_as(begun))


def set_places(layers: LayerEnergies, layer_energy: Tensor, energy: Tensor, theta: Tensor) -> None:
    """Measure the quantiles at places in depth, and of the sum, of showers that begin anywhere."""
    later = (3.0 * torch.rand(len(energy), 1)).floor() > torch.arange(layer_energy.shape[1])
    layer_energy = torch.where(later, 1e-3 * layer_energy, layer_energy)
    condition = layers.knots(energy, theta)
    part = LayerQuantiles([layers], censored=True)
    measure(part, [expected(condition, layer_energy=layer_energy)])
    if layers.draws_sum and layers.conversion is not None:
        layers.weight[-1] = 2.0


def fill_noise(network: FactorisedGenerator) -> None:
    """How cells hang together."""
    if isinstance(network.noise, RingNoise):
        share = network.noise.field.share
        share.copy_(torch.linspace(0.0, 0.16, share[0].numel()).reshape(share.shape[1:]))
        x = network.noise.sharing.shape[1]
        network.noise.sharing[0, : x - 1] = 0.2
        network.noise.sharing[1] = torch.linspace(0.3, 0.1, x)
    elif network.noise.core is not None:
        network.noise.core.share.fill_(0.3)


def deposit_row(expected_gev: float) -> Tensor:
    """Deposits of 0.1 to 0.5 MeV, Poisson in number: energy over expectation by u**(1/4)."""
    chance = 1 - math.exp(-expected_gev / 3e-4)
    occupied = max(1, round(chance**0.25 * QUANTILES))
    hits = torch.linspace(1.7, 0.3, occupied) / chance
    misses = torch.exp((-20.0 - torch.arange(QUANTILES - occupied)).clamp(min=-50.0))
    return torch.cat([hits, misses])
