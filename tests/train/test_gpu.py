"""The same training on a GPU: runs where there is one."""

import copy
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.conftest import make_showers, make_toy_detector, write_toy_model  # noqa: E402
from tests.train.test_training import Silent  # noqa: E402
from torch import distributed as dist  # noqa: E402

from caloforge import io  # noqa: E402
from caloforge.detector import Window  # noqa: E402
from caloforge.networks import captured  # noqa: E402
from caloforge.networks.classifiers.dense import dense_classifier  # noqa: E402
from caloforge.networks.classifiers.train import train_and_test  # noqa: E402
from caloforge.ranks.common_norm import share_statistics  # noqa: E402
from caloforge.train.checkpoint import load_state  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


class StopsAfter(Silent):
    """A training's reporter that ends it after so many steps."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def step(self, epoch, values):
        super().step(epoch, values)
        if len(self.values) == self.steps:
            raise KeyboardInterrupt


PRECISIONS = ("float32", "bfloat16")
SIZE = {"channels": 16, "latent": 8}
NETWORKS = {
    "layered2d": {**SIZE, "discriminator_channels": 16},
    "conv2d": {**SIZE, "discriminator_channels": 16, "relative": True},
    "conv3d": SIZE,
    "conv3d drawn": {
        **SIZE, "relative": True, "drawn_response": True, "drawn_layers": True, "lateral": True
    },
}  # fmt: skip


COMPARED = captured.WARM_STEPS + 2
"""Steps of a graph beside those of its kernels: two are replayed."""
SLOW_GAN = {
    "name": "gan", "generator_learning_rate": 1e-5, "discriminator_learning_rate": 1e-5
}  # fmt: skip


def deep_detector():
    layers = (make_toy_detector().layers[0].model_copy(update={"count": 8}),)
    windows = {"fixed": Window(shape=(9, 9))}
    return make_toy_detector().model_copy(update={"layers": layers, "windows": windows})


@pytest.fixture
def sample(tmp_path):
    """Showers large enough for three dimensions of convolutions."""
    path = tmp_path / "deep.h5"
    io.write(path, make_showers(deep_detector(), 100))
    return path


def recipe(network, objective, epochs=1, **training):
    return Recipe.model_validate(
        {
            "name": "gpu",
            "network": {"name": network.split()[0], **NETWORKS[network]},
            "objective": {"name": objective} if isinstance(objective, str) else objective,
            "data": {"validation_fraction": 0.2, "augment": "square"},
            "training": {"epochs": epochs, "batch_size": 8, "log_every_steps": 1, **training},
        }
    )


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "validation" not in line]


@pytest.mark.parametrize(
    ("network", "objective", "precision"),
    [
        *((name, "gan", p) for name in ("layered2d", "conv2d", "conv3d") for p in PRECISIONS),
        *((name, "energy_score", "float32") for name in NETWORKS),
        ("conv3d drawn", "energy_score", "bfloat16"),
    ],
)
def test_the_first_losses_are_those_of_the_processor(
    network, objective, precision, sample, tmp_path, monkeypatch
):
    """Those before a weight has changed, and without dropout, whose masks a GPU draws itself.

    Widths of what an untrained network makes differ threefold from one rounding to bfloat16 to
    another, but where layers and lateral profile are drawn.
    """
    monkeypatch.setattr("caloforge.networks.gan.dropout.ByteDropout.forward", lambda self, x: x)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    found = {}
    for device in ("cpu", "cuda"):
        folder = tmp_path / device
        asked = recipe(network, objective, precision=precision)
        Training(asked, [sample], folder, Silent(), device=device).run()
        found[device] = losses(folder)[0]
    tolerance = {"float32": 1e-2, "bfloat16": 0.3}[precision]
    for name, value in found["cpu"].items():
        if name != "showers_per_second" and not name.startswith("g_"):
            assert found["cuda"][name] == pytest.approx(value, rel=tolerance, abs=1e-3), name


@pytest.mark.parametrize(
    ("network", "objective"),
    [
        ("conv2d", {**SLOW_GAN, "optimiser": "adam"}),
        ("conv2d", {**SLOW_GAN, "r1_weight": 0.1, "r1_every": 3}),
        ("conv3d", SLOW_GAN),
        ("conv3d drawn", {"name": "energy_score"}),
    ],
)
def test_steps_of_a_graph_are_those_of_its_kernels(
    network, objective, sample, tmp_path, monkeypatch
):
    """To rounding, which every step enlarges: of the first two that are replayed."""
    found = {}
    for name, steps in (("graph", captured.WARM_STEPS), ("kernels", 1000)):
        monkeypatch.setattr(captured, "WARM_STEPS", steps)
        asked = recipe(network, objective, precision="float32")
        training = Training(asked, [sample], tmp_path / name, Silent(), device="cuda")
        training.run()
        shapes = training.objective.captured._shapes.values()
        assert any(shape.graph for shape in shapes) == (name == "graph")
        found[name] = losses(tmp_path / name)[:COMPARED]
    for one, other in zip(*found.values(), strict=True):
        for value in one:
            if value != "showers_per_second" and not value.endswith("gradient"):
                assert other[value] == pytest.approx(one[value], rel=0.1, abs=1e-3), value


def test_what_ranks_say_to_each_other_by_nccl(tmp_path):
    """Of a rank alone, whose mean is its own: there may be one GPU."""
    torch.cuda.set_device(0)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl", init_method=f"file://{tmp_path / 'met'}", rank=0, world_size=1
    )
    try:
        torch.manual_seed(1)
        plain = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten()
        ).cuda()
        shared = copy.deepcopy(plain)
        share_statistics(shared)
        image = torch.randn(6, 2, 8, 8, device="cuda")
        wrapped = torch.nn.parallel.DistributedDataParallel(shared, broadcast_buffers=False)
        for network in (plain, wrapped):
            network(image).square().sum().backward()
        for one, other in zip(plain.parameters(), shared.parameters(), strict=True):
            torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-3)
        rows = [torch.empty_like(image)]
        dist.all_gather(rows, image)
        torch.testing.assert_close(rows[0], image)
    finally:
        dist.destroy_process_group()


def test_a_run_that_was_stopped_ends_as_one_that_was_not(sample, tmp_path):
    """To rounding: a GPU adds in no fixed order."""
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    asked = recipe("conv2d", "energy_score", 2, checkpoint_every_seconds=0)
    Training(asked, [sample], whole, Silent(), device="cuda").run()
    with pytest.raises(KeyboardInterrupt):
        Training(asked, [sample], resumed, StopsAfter(13), device="cuda").run()
    Training(asked, [sample], resumed, Silent(), device="cuda").run()
    for one, other in zip(*(losses(folder) for folder in (whole, resumed)), strict=True):
        assert other["step"] == one["step"]
        assert other["response"] == pytest.approx(one["response"], rel=0.05)


def test_a_teacher_teaches_on_a_gpu_what_it_teaches_on_a_processor(sample, tmp_path):
    """Its batches, made while another is used, come in the same order."""
    model = write_toy_model(tmp_path / "teacher.onnx", deep_detector())
    found = {}
    for device in ("cpu", "cuda"):
        asked = recipe("conv2d", "energy_score").taught_by(str(model))
        Training(asked, [sample], tmp_path / device, Silent(), device=device).run()
        found[device] = [line["response"] for line in losses(tmp_path / device)]
    assert found["cuda"] == pytest.approx(found["cpu"], rel=0.05)


def test_classifiers_tell_showers_apart_on_a_gpu():
    rng = np.random.default_rng(2)
    one, other = (rng.normal(mean, 1, (600, 4)).astype(np.float32) for mean in (0, 1))
    apart = train_and_test(lambda: dense_classifier(4), one, other, seed=1, epochs=20)
    assert apart.auc > 0.85


def test_a_run_goes_on_between_processor_and_gpu(sample, tmp_path):
    folder = tmp_path / "run"
    for epochs, device in ((1, "cuda"), (2, "cpu"), (3, "cuda")):
        asked = recipe("layered2d", "energy_score", epochs)
        assert Training(asked, [sample], folder, Silent(), device=device).run().epochs == epochs
    state = load_state(folder / "checkpoint.safetensors")
    assert state["progress"]["epoch"] == 3
