"""Cards say which latent numbers are the impact, also those that were written before they did."""

import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from caloforge.card import METADATA_KEY, ModelCard  # noqa: E402
from caloforge.detector import load_detector  # noqa: E402
from caloforge.engine import read_card  # noqa: E402
from caloforge.networks.base import Domain  # noqa: E402
from caloforge.networks.factorised.generator import FactorisedGenerator, FactorisedOptions  # noqa: E402
from caloforge.renew import renew  # noqa: E402
from caloforge.zoo import model_path  # noqa: E402


def older_card(name="clic_ecal_fixed"):
    """The card of a model that does not say which of its numbers are the impact point."""
    card = read_card(model_path(name))
    return card.model_copy(update={"latent": card.latent.model_copy(update={"impact": None})})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"conversion": True},
        {"conversion": False, "draws_sum": True, "layer_classes": (0.5, 2.0)},
        {"conversion": True, "layer_places": [*range(24), 26]},
        {"conversion": True, "layer_places": [*range(24), 27], "off_centre": True},
    ],
)
def test_older_cards_know_where_the_impact_is(options):
    card = older_card()
    domain = Domain.of(card.detector, "fixed", card.energy_range_gev, card.theta_range_rad)
    network = FactorisedGenerator(FactorisedOptions(**options), domain)
    training = card.training.model_copy(update={"recipe": {"network": options}})
    older = card.model_copy(update={"training": training})
    assert older.latent.impact is None
    if "draws_sum" in options:  # newer than cards that do not say it
        assert older.impact_latent is None and network.impact_latent == network.parts[0]
        return
    assert older.impact_latent == network.impact_latent == network.parts[0]


def test_a_renewed_card_says_it(tmp_path):
    model = onnx.load(model_path("clic_ecal_angle"))
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    older = older_card("clic_ecal_angle").model_copy(update={"schema_version": 4})
    onnx.helper.set_model_props(model, metadata | {METADATA_KEY: older.model_dump_json()})
    onnx.save(model, tmp_path / "old.onnx")
    assert read_card(tmp_path / "old.onnx").latent.impact is None
    card = renew(tmp_path / "old.onnx", tmp_path / "new.onnx")
    assert card.schema_version == 5 and card.latent.impact == 26
    assert renew(model_path("conv2d_int8"), tmp_path / "gan.onnx").impact_latent is None


def test_rings_have_none():
    detector = load_detector("par04_siw")
    window = next(iter(detector.windows))
    domain = Domain.of(detector, window, (1.0, 100.0), (1.5708, 1.5708))
    assert FactorisedGenerator(FactorisedOptions(), domain).impact_latent is None
    card = older_card()
    update = {"detector": detector, "window": window}
    assert ModelCard.model_copy(card, update=update).impact_latent is None
