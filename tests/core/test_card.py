import json

import pytest

from caloforge.card import read_scores
from caloforge.errors import InputError


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
