"""Showers of every kind of network are the graph's: large samples of small images, fixed seeds."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
native = pytest.importorskip("caloforge_native", reason="caloforge-native is not built")

from caloforge.engine import read_card  # noqa: E402
from caloforge.hit_arrays import HitArrays  # noqa: E402
from tests.native.conftest import network_of  # noqa: E402
from tests.native.test_distributions import conditions_for  # noqa: E402
from tests.native.toys import TOYS  # noqa: E402

FEW, MANY = 4000, 20_000
QUICK = ("thick", "thick_rings", "counted_inclined")
EXPORTED = (
    "whole_inclined",
    "shared_inclined",
    "placed",
    "sum",
    "thick",
    "rings",
    "thick_rings",
    "counted_inclined",
)


def features_of(cells, energy, *, in_rings):
    """Features (N, F) of small images (N, X, Y, Z): every cell, every layer, and how neighbours
    along x, y and z go together, near the axis and elsewhere.

    Those on opposite borders are left out, which share in the graph alone; sectors have none.
    """
    n = len(cells)
    part, hit = cells / energy[:, None, None, None], (cells > 0).astype(np.float32)
    layer = part.sum(axis=(1, 2))
    typical = part.mean(axis=0)
    root = np.sqrt(part / np.maximum(typical, 1e-3 * typical.max()))
    found = [part.reshape(n, -1), hit.reshape(n, -1), layer, layer * layer[:, :1]]
    found += [hit.sum(axis=(1, 2)), hit.sum(axis=(1, 2, 3))[:, None]]
    for residual in (hit - hit.mean(axis=0), root - root.mean(axis=0)):
        for axis in (1, 2, 3):
            together = residual * np.roll(residual, -1, axis)
            if axis != 2 or not in_rings:
                together = np.delete(together, -1, axis)
            found += [together.sum(axis=(2, 3)), together.sum(axis=(1, 3))]
            found += [together.sum(axis=(1, 2, 3))[:, None]]
    return np.concatenate(found, axis=1)


def made_of(path, conditions, phi=None):
    maker, asked = native.Maker(native.Sampler(str(path))), (conditions.energy, conditions.theta)
    return maker.make(17, 0, *asked, None, phi)


def made_natively(path, conditions, phi):
    return HitArrays(*made_of(path, conditions, phi)).dense(read_card(path).cell_shape)


@torch.no_grad()
def made_by_the_network(path, conditions, phi, batch=1000):
    network = network_of(path)
    random = torch.Generator().manual_seed(8)
    parts = []
    for first in range(0, len(conditions), batch):
        part = slice(first, first + batch)
        asked = [conditions.energy, conditions.theta, *([] if phi is None else [phi])]
        asked = [torch.from_numpy(each[part]) for each in asked]
        latent = torch.rand(len(asked[0]), network.latent_dim, generator=random)
        parts.append(network(latent, *asked).numpy())
    return np.concatenate(parts)


def z_scores(mine, graph):
    """Difference of means, and of variances, in their errors, (2, F)."""
    square = [(values - values.mean(0)) ** 2 for values in (mine, graph)]
    z = []
    for one, other in ((mine, graph), square):
        error = np.sqrt((one.var(0) + other.var(0)) / len(one))
        z.append((one.mean(0) - other.mean(0)) / np.maximum(error, 1e-30))
    return np.stack(z)[:, graph.var(0) > 0]


def scores_of(path, n, phi=None):
    conditions = conditions_for(path, n)
    both = [made(path, conditions, phi) for made in (made_natively, made_by_the_network)]
    in_rings = read_card(path).detector.readout == "cylinder"
    z = z_scores(*(features_of(c, conditions.energy, in_rings=in_rings) for c in both))
    assert z.shape[1] > 100
    return z


@pytest.mark.parametrize("kind", QUICK)
def test_showers_are_the_network_s(toy_file, kind):
    z = scores_of(toy_file(kind), FEW)
    assert np.sqrt((z**2).mean()) < 1.6 and np.abs(z).max() < 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXPORTED)
def test_an_exported_model_has_all_tables(toy_file, tmp_path, kind):
    from caloforge.export import export_generator

    exported, tables_alone = tmp_path / "model.onnx", toy_file(kind)
    export_generator(network_of(tables_alone), read_card(tables_alone), exported)
    conditions = conditions_for(exported, 20)
    for one, other in zip(*(made_of(p, conditions) for p in (exported, tables_alone)), strict=True):
        np.testing.assert_allclose(one, other, rtol=5e-3)  # the exporter rounds shares otherwise


@pytest.mark.slow
@pytest.mark.parametrize("kind", [name for name in TOYS if "inclined" in name])
def test_many_showers_that_lean_anywhere_are_the_network_s(toy_file, kind):
    phi = np.random.default_rng(4).uniform(-3.0, 3.0, MANY).astype(np.float32)
    z = scores_of(toy_file(kind), MANY, phi)
    assert np.sqrt((z**2).mean()) < 1.6 and np.abs(z).max() < 5


@pytest.mark.slow
@pytest.mark.parametrize("kind", [name for name in TOYS if name != "one"])
def test_many_showers_are_the_network_s(toy_file, kind):
    z = scores_of(toy_file(kind), MANY)
    assert np.sqrt((z**2).mean()) < 1.6 and np.abs(z).max() < 5
