"""Pruning: the right channels stay, and the way from a run to a smaller run."""

import math

import pytest
from tests.command import call

torch = pytest.importorskip("torch")

from tests.conftest import make_showers  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.errors import ConfigError  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.spec import NETWORKS, build_generator  # noqa: E402
from caloforge.prune.channels import fewer, pruned  # noqa: E402
from caloforge.train.trained import load_trained  # noqa: E402

RECIPE = """
name = "small"
network = {name = "conv2d", channels = 32, discriminator_channels = 16, relative = true}
objective = {name = "energy_score", made = 8}
data = {validation_fraction = 0.2}
training = {epochs = 1, batch_size = 8}
"""


def domain(shape=(9, 12, 10)):
    return Domain(shape=shape, energy_range_gev=(10, 500), theta_range_rad=(math.pi / 2,) * 2)


@pytest.mark.parametrize("name", ["conv2d", "conv3d"])
def test_channels_that_nothing_reads_go_without_a_trace(name):
    options = NETWORKS[name].options(channels=32)
    torch.manual_seed(0)
    generator = build_generator(options, domain()).eval()
    keep = torch.randperm(32)[:16]
    silent = torch.ones(32, dtype=torch.bool)
    silent[keep] = False
    with torch.no_grad():
        for channels in generator.channels():
            generator.get_parameter(f"{channels.taker}.weight")[:, silent] = 0.0
    small = pruned(generator, fewer(options, 0.5), domain()).eval()
    latent, energy = generator.draw_latent(2), torch.tensor([50.0, 200.0])
    with torch.no_grad():
        cells, fewer_cells = (net(latent, energy, energy * 0 + 1.57) for net in (generator, small))
    assert torch.allclose(cells, fewer_cells, rtol=1e-4, atol=1e-6 * float(cells.max()))
    assert sum(p.numel() for p in small.parameters()) < sum(
        p.numel() for p in generator.parameters()
    )


@pytest.mark.parametrize(("sparsity", "kept"), [(0.01, 96), (0.5, 64), (0.4, 64), (0.95, 16)])
def test_channels_come_in_multiples_of_16(sparsity, kept):
    assert fewer(NETWORKS["conv2d"].options(channels=112), sparsity).channels == kept


def test_networks_without_channels_to_spare_are_refused():
    with pytest.raises(ConfigError, match="no channels to spare"):
        fewer(NETWORKS["factorised"].options(), 0.5)
    with pytest.raises(ConfigError, match="does not say which channels"):
        options = NETWORKS["layered2d"].options(channels=32)
        pruned(build_generator(options, domain()), fewer(options, 0.5), domain())


def test_a_run_is_pruned_and_trained_on(tmp_path, toy_detector, capsys):
    sample, recipe = tmp_path / "toy.h5", tmp_path / "small.toml"
    io.write(sample, make_showers(toy_detector, 60))
    recipe.write_text(RECIPE)
    first, second = tmp_path / "first", tmp_path / "second"
    assert call("train", recipe, "--data", sample, "-o", first) == 0
    command = ("prune", first, "--data", sample, "-o", second, "--epochs", 1)
    assert call(*command) == 0
    output = capsys.readouterr().out
    assert "retrained" in output and "validation number" in output
    generator, card = load_trained(second)
    assert card.parent.how == {"verb": "prune", "channels": 16}
    assert card.training.recipe["network"]["channels"] == 16
    assert generator.join[0].convolution.weight.shape[0] == 16
    assert call(*command) == 0  # a finished one is told again
    model = tmp_path / "first.onnx"
    assert call("export", first, "-o", model) == 0
    fourth = tmp_path / "fourth"
    assert (
        call("prune", first, "--data", sample, "-o", fourth, "--epochs", 1, "--teacher", model) == 0
    )
    taught = load_trained(fourth)[1].training.recipe["data"]["teacher"]
    assert taught["model"] == str(model) and taught["same_latent"]
    assert call("prune", first, "--data", sample, "-o", tmp_path / "third", "--speed-up", 1000) == 2
    assert "no number of channels" in capsys.readouterr().err
