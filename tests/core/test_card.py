import json

import onnxruntime
import pytest

from caloforge.card import METADATA_KEY, ModelCard, read_scores
from caloforge.detector import load_detector
from caloforge.engine.base import read_card
from caloforge.errors import InputError
from caloforge.placement import placement_of
from caloforge.zoo import model_names, model_path


def test_scores_come_from_a_validation(tmp_path):
    metrics = tmp_path / "metrics.json"
    score = {"value": 0.5, "error": 0.01, "floor": 0.49, "verdict": "pass"}
    metrics.write_text(json.dumps({"scores": {"auc_low": score}}))
    found = read_scores(metrics)["auc_low"]
    assert (found.value, found.error, found.floor) == (0.5, 0.01, 0.49)
    for text in ("", "[]", "{}", '{"scores": {"a": {"value": 1}}}', '{"scores": {"a": 1}}'):
        metrics.write_text(text)
        with pytest.raises(InputError, match=r"not the metrics\.json"):
            read_scores(metrics)


def test_cards_say_where_cells_are_and_older_ones_load():
    card = read_card(model_path("clic_ecal_fixed"))
    assert card.schema_version == 2 and card.response is None
    placement = card.placement
    assert placement.axes == ("x", "y", "layer") and placement.pitch == (5.1, 5.1)
    assert len(placement.layer_depths_mm) == 25
    again = ModelCard.from_json(card.model_dump_json(), where="a file")
    assert again == card and '"placement"' in card.model_dump_json()
    older = json.loads(card.model_dump_json(exclude={"placement", "response"}))
    read = ModelCard.from_json(json.dumps(older | {"schema_version": 1}), where="a file")
    assert read.placement == placement and read.schema_version == 1


def test_bundled_files_hold_their_placement_for_hosts_that_read_no_detector():
    for name in model_names():
        session = onnxruntime.InferenceSession(str(model_path(name)))
        said = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        written = read_card(model_path(name)).placement.model_dump_json()
        assert said["placement"] == json.loads(written)


def test_placement_is_that_of_the_cells():
    for name, window in (("clic_ecal", "angle"), ("par04_siw", "dataset2")):
        detector = load_detector(name)
        found, cells = placement_of(detector, window), detector.geometry(window)
        first, second = (
            (cells.x_mm, cells.y_mm) if detector.readout == "pads" else (cells.radius_mm, cells.phi)
        )
        assert found.origin == pytest.approx((first[0, 0, 0], second[0, 0, 0]))
        steps = first[1, 0, 0] - first[0, 0, 0], second[0, 1, 0] - second[0, 0, 0]
        assert found.pitch == pytest.approx(steps)
    own = placement_of(load_detector("calochallenge_photons"), "dataset1")
    assert own.pitch is None and own.axes == ("ring", "sector", "layer")
