import pytest

torch = pytest.importorskip("torch")

from caloforge.errors import InputError, OutputError  # noqa: E402
from caloforge.train.checkpoint import load_state, not_finite, save_state  # noqa: E402


def test_nested_state_comes_back_equal(tmp_path):
    state = {
        "weights": {"a": torch.randn(2, 3), "empty": torch.zeros(0)},
        "groups": [{"lr": 0.1 + 0.2, "betas": (0.5, None)}, 7],
        "state": {0: {"step": torch.tensor(3.0)}, 1: True},
        "text": "x",
    }
    save_state(tmp_path / "state.safetensors", state)
    back = load_state(tmp_path / "state.safetensors")
    assert torch.equal(back["weights"]["a"], state["weights"]["a"])
    assert back["weights"]["empty"].shape == (0,)
    assert back["groups"] == [{"lr": 0.1 + 0.2, "betas": [0.5, None]}, 7]
    assert back["state"][0]["step"] == 3 and back["state"][1] is True and back["text"] == "x"


def test_optimiser_state_survives(tmp_path):
    module = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(module.parameters(), 0.01)
    module(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    save_state(tmp_path / "o.safetensors", optimiser.state_dict())
    other = torch.optim.Adam(module.parameters(), 0.5)
    other.load_state_dict(load_state(tmp_path / "o.safetensors"))
    assert other.param_groups[0]["lr"] == 0.01
    first = module.weight
    assert torch.equal(other.state[first]["exp_avg"], optimiser.state[first]["exp_avg"])


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a caloforge checkpoint"):
        load_state(path)
    with pytest.raises(OutputError, match="does not exist"):
        save_state(tmp_path / "no" / "x.safetensors", {})
    with pytest.raises(TypeError, match="'/a/0'"):
        save_state(path, {"a": [object()]})
    assert path.read_bytes() == b"nothing"


def test_numbers_that_are_none_are_found():
    good = {"a": [torch.ones(2)], "n": torch.tensor([1])}
    assert not_finite(good) is None
    assert not_finite({**good, "b": {"c": [1.0, float("inf")]}}) == "b.c.1"
