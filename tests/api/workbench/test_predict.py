"""Answers of a deployed model."""

import re

import pytest

from athanor.engine.predictions import Predictions


@pytest.fixture
def predict(world):
    model = world.a_model()

    def ask(**body):
        return world.call("POST", f"/api/v1/model-registry/models/{model}/predict", json=body)

    return ask


def test_one_row_is_answered_with_its_label_and_the_probability_of_each(predict):
    answer = predict(input_data={"age": 50, "plan": "a"}, entityId="customer 7").json()
    assert answer["prediction"] == "yes"
    assert answer["predictions"] == ["yes"]
    assert answer["probabilities"] == [{"no": 0.25, "yes": 0.75}]
    assert answer["entityId"] == "customer 7"
    assert answer["version"] == 1
    assert answer["latency_ms"] >= 0
    assert answer["predictionIds"] == [answer["predictionId"]]
    assert re.fullmatch(r"pred_[0-9a-f]{32}", answer["predictionId"])


def test_many_rows_are_answered_in_their_order(predict):
    answer = predict(inputData=[{"age": age} for age in (50, 20, "31")]).json()
    assert answer["predictions"] == ["yes", "no", "yes"]
    assert [row["yes"] for row in answer["probabilities"]] == [0.75, 0.25, 0.75]
    assert len(set(answer["predictionIds"])) == 3


def test_a_regression_has_values_and_no_probabilities(world, predict):
    world.predictor.is_regression = True
    answer = predict(input_data=[{"age": 50}, {"age": 20.5}]).json()
    assert answer["predictions"] == [100.0, 41.0]
    assert answer["probabilities"] is None


def test_labels_keep_their_type_and_are_named_in_probabilities_as_json_spells_them(world, predict, monkeypatch):
    import numpy as np

    told = Predictions(classes=(False, True), probabilities=np.array([[0.25, 0.75]]), codes=np.array([1]))
    monkeypatch.setattr(type(world.predictor), "predict_rows", lambda *_: told)
    answer = predict(input_data={"age": 1}).json()
    assert answer["prediction"] is True
    assert answer["probabilities"] == [{"false": 0.25, "true": 0.75}]


def test_a_cell_of_the_wrong_type_is_named_by_row_and_column(predict):
    error = predict(input_data=[{"age": 1}, {"age": "old"}]).json()["error"]
    assert "Row 2, column 'age'" in error["message"]
    assert error["details"] == [{"field": "age", "message": error["message"]}]
