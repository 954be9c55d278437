"""The same training on a GPU: runs where there is one."""

import json

import pytest

torch = pytest.importorskip("torch")

from tests.train.test_training import Silent  # noqa: E402

from caloforge.train.checkpoint import load_state  # noqa: E402
from caloforge.train.loop import Training  # noqa: E402
from caloforge.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

NETWORKS = {
    "layered2d": {"channels": 16, "discriminator_channels": 16},
    "conv2d": {"channels": 16, "discriminator_channels": 16, "relative": True},
}


def recipe(network, objective, epochs=1):
    return Recipe.model_validate(
        {
            "name": "gpu",
            "network": {"name": network, **NETWORKS[network]},
            "objective": {"name": objective},
            "data": {"validation_fraction": 0.2},
            "training": {"epochs": epochs, "batch_size": 8, "log_every_steps": 1},
        }
    )


def losses(folder):
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "validation" not in line]


@pytest.mark.parametrize("network", ["layered2d", "conv2d"])
@pytest.mark.parametrize("objective", ["gan", "energy_score"])
def test_the_first_losses_are_those_of_the_processor(network, objective, sample, tmp_path):
    found = {}
    for device in ("cpu", "cuda"):
        folder = tmp_path / device
        Training(recipe(network, objective), [sample], folder, Silent(), device=device).run()
        found[device] = losses(folder)[0]
    for name, value in found["cpu"].items():
        if name != "showers_per_second":
            assert found["cuda"][name] == pytest.approx(value, rel=1e-2, abs=1e-3), name


def test_a_run_goes_on_between_processor_and_gpu(sample, tmp_path):
    folder = tmp_path / "run"
    for epochs, device in ((1, "cuda"), (2, "cpu"), (3, "cuda")):
        asked = recipe("layered2d", "energy_score", epochs)
        assert Training(asked, [sample], folder, Silent(), device=device).run().epochs == epochs
    state = load_state(folder / "checkpoint.safetensors")
    assert state["progress"]["epoch"] == 3
