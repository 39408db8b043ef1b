"""Models as VecML's clients train, ask, list and delete them."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from athanor.api.dialects.vecml.models import MODES, PRESETS, SCORES
from athanor.core.actor import Scope
from athanor.core.job import JobState
from athanor.core.ports import EVERYONE
from athanor.engine.metrics import METRICS
from athanor.engine.plan import PRESETS as ALL_PRESETS
from athanor.engine.scores import MeasuredOn
from athanor.services.predict import LoadedModels
from support.training import train_now

DIM = 4
KEYS = {
    "accuracy",
    "micro_precision",
    "macro_precision",
    "micro_recall",
    "macro_recall",
    "micro_f1",
    "macro_f1",
    "auc",
}


def samples(n_rows, seed):
    """Vectors, and attributes that the first two components and the category decide."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n_rows, DIM)).round(3)
    category = rng.choice(["A", "B"], n_rows)
    total = matrix[:, :2].sum(axis=1) + (category == "A")
    attributes = [
        {"label": str(int(value > 0)), "word": "up" if value > 0 else "down", "price": f"{value:.3f}", "category": kind}
        for value, kind in zip(total, category.tolist(), strict=True)
    ]
    return matrix, attributes


class Client:
    """Somebody who speaks to one project. `train` waits for nobody: the training is done in this process."""

    def __init__(self, world):
        self.world = world
        self.key = world.key

    def post(self, operation, **fields):
        body = {"user_api_key": self.key, "project_name": "Demo", **fields}
        return self.world.call("POST", f"/api/{operation}", key=None, json=body)

    def ok(self, operation, **fields):
        answer = self.post(operation, **fields)
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        return answer.json()

    def refused(self, status, operation, **fields):
        answer = self.post(operation, **fields)
        assert answer.status_code == status, answer.text
        assert answer.json()["success"] is False
        return answer.json()["error_message"]

    def fill(self, collection, matrix, attributes):
        self.ok("init", collection_name=collection, vector_type="dense", vector_dim=matrix.shape[1])
        self.ok("add_data_batch", collection_name=collection, data=matrix.tolist(), attributes=attributes)

    def start(self, name, collection="training", **fields):
        given = {"training_mode": "high_speed", "task_type": "classification", "label_attribute": "label"} | fields
        return self.ok("train_automl_model", collection_name=collection, model_name=name, **given)["job_id"]

    def train(self, name, collection="training", **fields):
        """The last status of the job, which was done."""
        job = self.start(name, collection, **fields)
        self.work()
        return self.ok("get_automl_training_status", job_id=job)

    def work(self):
        with self.world.records.look(EVERYONE) as transaction:
            jobs = transaction.jobs.find({"state": JobState.QUEUED, "kind": "train"}).items
        for job in jobs:
            train_now(self.world.records, self.world.blobs, self.world.clock, job.subject_id)

    def predict(self, name="model1", **fields):
        return self.ok("automl_predict", collection_name="training", model_name=name, **fields)


@pytest.fixture(scope="module")
def client(world_class, tmp_path_factory):
    world = world_class(tmp_path_factory.mktemp("vecml"))
    world.services.predict.models = LoadedModels(world.blobs, 2**28)
    made = Client(world)
    made.ok("create_project")
    made.fill("training", *samples(200, seed=0))
    made.fill("later", *samples(40, seed=1))
    made.first = made.train("model1", categorical_features=["category"])
    return made


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def as_csv(matrix, attributes, names=("label", "category"), header=True):
    file = io.StringIO()
    writer = csv.writer(file)
    if header:
        writer.writerow([*(f"x{place}" for place in range(matrix.shape[1])), *names])
    for row, more in zip(matrix.tolist(), attributes, strict=True):
        writer.writerow([*row, *(more[name] for name in names)])
    return file.getvalue()


def test_the_status_of_a_training_that_ended_has_everything(client):
    status = client.first
    assert {key: status[key] for key in ("task_type", "model_name", "label_attribute", "status")} == {
        "task_type": "classification",
        "model_name": "model1",
        "label_attribute": "label",
        "status": "finished",
    }
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d", status["start_time"])
    assert re.fullmatch(r"\d\d:\d\d:\d\d", status["duration"])
    assert set(status["validation_metric"]) == KEYS
    assert all(0 <= value <= 1 for value in status["validation_metric"].values())
    assert "error" not in status


def test_a_job_is_named_after_user_project_collection_and_model(client):
    assert client.start("second model").endswith("_Demo_training_second model_TrainJob")


def test_a_training_that_waits_says_so_from_when_it_was_asked_for(client):
    job = client.start("waits")
    status = client.ok("get_automl_training_status", job_id=job)
    assert (status["status"], status["duration"]) == ("pending", "00:00:00")
    assert status["start_time"] == "2025/02/01 09:55:00"
    assert "validation_metric" not in status
    assert "error" not in status
    assert not {"error", "exception"} <= set(re.findall("[a-z]+", json.dumps(status).lower()))


def test_a_failed_training_is_a_good_answer_with_the_reason(client):
    status = client.train("broken", task_type="regression", label_attribute="word")
    assert (status["success"], status["status"]) == (True, "failed")
    assert "word" in status["error"]
    assert "validation_metric" not in status


def test_both_status_operations_take_any_job(client):
    upload = client.ok("add_data", collection_name="later", data=[0.0] * DIM)["job_id"]
    training = client.start("any job")
    for operation in ("get_upload_data_status", "get_automl_training_status"):
        assert client.ok(operation, job_id=upload)["status"] == "finished"
        assert client.ok(operation, job_id=training)["status"] == "pending"
        client.refused(404, operation, job_id="nobody's")
    client.ok("delete_data", collection_name="later", string_id="40")


def test_predictions_for_a_collection(client):
    answer = client.predict(prediction_dataset="later")
    labels = [float(row["label"]) for row in samples(40, seed=1)[1]]
    assert answer["num_samples"] == len(answer["predictions"]) == 40
    assert set(answer["predictions"]) == {0.0, 1.0}
    right = np.mean(np.array(answer["predictions"]) == labels)
    assert answer["prediction_metric"]["accuracy"] == pytest.approx(right)
    assert set(answer["prediction_metric"]) == KEYS
    assert right > 0.8


@pytest.mark.parametrize(
    "form", ["csv", "gzip", "unnamed attributes too", "json", "json rows", "json lines", "packed json", "packed lines"]
)
def test_a_file_is_answered_as_the_collection_with_the_same_rows(client, form):
    matrix, attributes = samples(40, seed=1)
    records = [
        {"string_id": str(row), "data": vector, "attributes": more}
        for row, (vector, more) in enumerate(zip(matrix.tolist(), attributes, strict=True))
    ]
    flat = [{**{f"x{n}": value for n, value in enumerate(one["data"])}, **one["attributes"]} for one in records]
    file = {
        "csv": {"file_data": b64(as_csv(matrix, attributes))},
        "gzip": {"file_data": b64(gzip.compress(as_csv(matrix, attributes).encode())), "compression_type": "gzip"},
        "unnamed attributes too": {
            "file_data": b64(as_csv(matrix, attributes, ("label", "category", "price", "word")))
        },
        "json": {"file_data": b64(json.dumps(records)), "file_format": "json"},
        "json rows": {"file_data": b64(json.dumps(flat)), "file_format": "json"},
        "packed json": {"file_data": b64(gzip.compress(json.dumps(records).encode())), "file_format": "json"},
        "packed lines": {
            "file_data": b64(gzip.compress("\n".join(map(json.dumps, flat)).encode())),
            "file_format": "json",
            "compression_type": "gzip",
        },
        "json lines": {"file_data": b64("\n".join(map(json.dumps, records))), "file_format": "json"},
    }[form]
    answer = client.predict(**({"file_format": "csv", "has_field_names": True} | file))
    assert answer == client.predict(prediction_dataset="later")


def test_a_libsvm_file_is_answered_by_a_model_without_categories(client):
    client.train("bare")
    matrix, attributes = samples(40, seed=1)
    lines = [
        " ".join([more["label"], *(f"{place}:{value}" for place, value in enumerate(row, start=1))])
        for row, more in zip(matrix.tolist(), attributes, strict=True)
    ]
    found = client.predict("bare", file_data=b64("\n".join(lines)), file_format="libsvm")
    assert found == client.predict("bare", prediction_dataset="later")


def test_without_labels_there_is_no_metric(client):
    matrix, attributes = samples(40, seed=1)
    answer = client.predict(file_data=b64(as_csv(matrix, attributes, ["category"])), file_format="csv")
    assert answer["predictions"] == client.predict(prediction_dataset="later")["predictions"]
    assert (answer["num_samples"], answer["prediction_metric"]) == (0, None)


def test_where_one_class_is_there_the_area_under_the_curve_is_null(client):
    matrix, attributes = samples(40, seed=1)
    rows = [row for row, one in enumerate(attributes) if one["label"] == "1"]
    text = as_csv(matrix[rows], [attributes[row] for row in rows])
    assert client.predict(file_data=b64(text), file_format="csv")["prediction_metric"]["auc"] is None


def test_labels_of_words_are_answered_as_words(client):
    client.train("words", label_attribute="word")
    assert set(client.predict("words", prediction_dataset="later")["predictions"]) == {"up", "down"}


def test_the_metric_of_a_regression_is_a_bare_number(client):
    status = client.train("prices", task_type="regression", label_attribute="price", categorical_features=["category"])
    assert isinstance(status["validation_metric"], float)
    assert client.ok("get_model_validation_metric", collection_name="training", model_name="prices")[
        "validation_metric"
    ] == pytest.approx(status["validation_metric"])
    answer = client.predict("prices", prediction_dataset="later")
    assert isinstance(answer["prediction_metric"], float)
    assert answer["num_samples"] == 40


def test_the_misspelled_operation_answers_too_and_is_in_no_documentation(client):
    named = {"collection_name": "training", "model_name": "model1", "prediction_dataset": "later"}
    assert client.ok("automl_preidct", **named) == client.ok("automl_predict", **named)
    schema = client.world.call("GET", "/vecml/openapi.json", key=None).json()
    assert "/api/automl_predict" in schema["paths"]
    assert "preidct" not in json.dumps(schema)


def test_a_metric_that_was_not_measured_on_the_validation_dataset_has_a_warning(client):
    client.fill("scored", *samples(40, seed=3))
    job = client.start("validated", validation_dataset="scored")
    client.work()
    named = {"collection_name": "training", "model_name": "validated"}

    def answers():
        return [client.ok("get_automl_training_status", job_id=job), client.ok("get_model_validation_metric", **named)]

    assert all(set(answer["validation_metric"]) == KEYS and "warning" not in answer for answer in answers())
    view = client.world.services.collection_models.named(client.world.actor, "Demo", "training", "validated")
    assert (view.best.scored_on, view.best.n_scored) == (MeasuredOn.VALIDATION, 40)
    with client.world.records.change(EVERYONE) as transaction:  # as where the time was over before
        transaction.models.put(replace(view.best, scored_on=MeasuredOn.OUT_OF_FOLD, n_scored=200))
    assert all(set(answer["validation_metric"]) == KEYS for answer in answers())
    assert all("before the validation dataset was scored" in answer["warning"] for answer in answers())


def test_a_validation_collection_that_is_deleted_ends_the_trainings_that_wait_for_it(client):
    client.fill("short-lived", *samples(40, seed=3))
    done = client.start("done in time", validation_dataset="short-lived")
    client.work()
    late = client.start("too late", validation_dataset="short-lived")
    client.ok("delete_collection", collection_name="short-lived")
    client.work()
    assert client.ok("get_automl_training_status", job_id=done)["status"] == "finished"
    status = client.ok("get_automl_training_status", job_id=late)
    assert status["status"] == "failed"
    assert "validated on was deleted" in status["error"]


def test_the_metric_of_a_model(client):
    found = client.ok("get_model_validation_metric", collection_name="training", model_name="model1")
    assert found["validation_metric"] == client.first["validation_metric"]


def test_the_model_list_has_five_texts_a_model_oldest_first(client):
    client.fill("listed", *samples(60, seed=2))
    client.train("one", "listed", training_mode="auto")
    client.train("two", "listed", task_type="regression", label_attribute="price", training_mode="high_accuracy")
    client.start("three", "listed")
    assert client.ok("list_automl_model_infos", collection_name="listed")["model_infos"] == [
        ["one", "classification", "auto", "label", "2025/02/01, 09:55"],
        ["two", "regression", "high_accuracy", "price", "2025/02/01, 09:55"],
    ]
    assert client.ok("list_automl_model_infos", collection_name="later")["model_infos"] == []


def test_a_run_of_the_workbench_is_listed_and_asked(client):
    world = client.world
    view = world.services.collections.get(world.actor, "Demo", "training")
    body = {"name": "By the workbench", "dataset": f"ds_{view.dataset.id.hex}", "targetColumn": "word"}
    answer = world.call("POST", "/api/v1/automl/jobs", json={**body, "featureColumns": ["vector", "category"]})
    assert answer.status_code == 201, answer.text
    client.work()
    infos = client.ok("list_automl_model_infos", collection_name="training")["model_infos"]
    assert ["by-the-workbench", "classification", "high_accuracy", "word", "2025/02/01, 09:55"] in infos
    assert set(client.predict("by-the-workbench", prediction_dataset="later")["predictions"]) == {"up", "down"}


def test_a_model_is_deployed_and_asked_through_the_workbench(client):
    world = client.world
    view = world.services.collection_models.named(world.actor, "Demo", "training", "model1")
    deployed = world.call("POST", f"/api/v1/automl/jobs/aml_{view.run.id.hex}/deploy")
    assert deployed.status_code == 200, deployed.text
    matrix, attributes = samples(40, seed=1)
    rows = [
        {"vector": vector, "category": one["category"]} for vector, one in zip(matrix.tolist(), attributes, strict=True)
    ]
    model = deployed.json()["modelId"]
    answer = world.call("POST", f"/api/v1/model-registry/models/{model}/predict", json={"inputData": rows})
    assert answer.status_code == 200, answer.text
    expected = client.predict(prediction_dataset="later")["predictions"]
    assert [float(label) for label in answer.json()["predictions"]] == expected


def test_a_training_is_stopped_through_the_workbench_and_reads_failed(client):
    job = client.start("stopped")
    view = client.world.services.collection_models.named(client.world.actor, "Demo", "training", "stopped")
    assert client.world.call("POST", f"/api/v1/automl/jobs/aml_{view.run.id.hex}/stop").status_code == 200
    status = client.ok("get_automl_training_status", job_id=job)
    assert status["status"] == "failed"
    assert status["error"]


def test_the_importance_is_descending_within_0_and_1_by_index_and_name(client):
    found = client.ok("get_feature_importance", collection_name="training", model_name="model1")["feature_importance"]
    shares = [one["importance"] for one in found]
    assert shares[0] == 1.0
    assert shares == sorted(shares, reverse=True)
    assert min(shares) >= 0
    assert {one["feature"] for one in found[:3]} == {"0", "1", "category"}


def test_a_deleted_model_is_gone_its_name_free_and_a_job_under_way_reads_failed(client):
    named = {"collection_name": "training", "model_name": "short-lived"}
    first = client.start("short-lived")
    client.ok("delete_automl_model", **named)
    assert client.ok("get_automl_training_status", job_id=first)["status"] == "failed"
    client.refused(404, "get_model_validation_metric", **named)
    assert client.start("short-lived") == f"{first}_2"
    client.ok("delete_automl_model", **named)
    client.refused(404, "delete_automl_model", **named)


def test_what_is_not_trained_yet_is_a_conflict(client):
    client.start("too early")
    named = {"collection_name": "training", "model_name": "too early"}
    client.refused(409, "automl_predict", **named, prediction_dataset="later")
    client.refused(409, "get_model_validation_metric", **named)
    client.refused(409, "get_feature_importance", **named)


def test_what_is_not_there_is_not_found(client):
    assert "does not exist" in client.refused(
        404, "automl_predict", collection_name="training", model_name="nobody", prediction_dataset="later"
    )
    for operation in ("list_automl_model_infos",):
        assert "does not exist" in client.refused(404, operation, collection_name="nowhere")
        assert "does not exist" in client.refused(404, operation, collection_name="x", project_name="nowhere")


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (409, {"model_name": "model1"}),
        (400, {"model_name": "m" * 129}),
        (400, {"model_name": "a/b"}),
        (400, {"model_name": ".hidden"}),
        (400, {"label_attribute": "nothing"}),
        (400, {"categorical_features": ["nothing"]}),
        (400, {"task_type": "clustering"}),
        (400, {"training_mode": "turbo"}),
        (400, {"validation_dataset": "training"}),
        (404, {"validation_dataset": "nowhere"}),
        (404, {"collection_name": "nowhere"}),
    ],
)
def test_a_training_that_cannot_be_is_refused_at_once(client, status, fields):
    given = {
        "collection_name": "training",
        "model_name": "wrong",
        "task_type": "classification",
        "label_attribute": "label",
        "training_mode": "high_speed",
    }
    message = client.refused(status, "train_automl_model", **(given | fields))
    if status == 409:
        assert "already exists" in message


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"prediction_dataset": "later", "file_data": b64("x0\n1\n"), "file_format": "csv"},
        {"file_data": b64("x0,x1,x2,category\n1,2,3,A\n"), "file_format": "csv"},
        {"file_data": b64("x0,x1,x2,x3\n1,2,3,4\n"), "file_format": "csv"},
        {"file_data": b64("1,2,3,4\n"), "file_format": "csv"},
        {"file_data": b64("x0\n1\n")},
        {"file_data": b64("x0\n1\n"), "file_format": "binary"},
        {"file_data": "?", "file_format": "csv"},
        {"file_data": b64("no gzip"), "file_format": "csv", "compression_type": "gzip"},
    ],
)
def test_rows_that_do_not_fit_are_refused_and_nothing_is_left_of_them(client, fields):
    client.refused(400, "automl_predict", collection_name="training", model_name="model1", **fields)
    assert not list(client.world.scratch.iterdir())


@pytest.mark.parametrize(
    ("mode", "preset", "seconds"),
    [
        ("high_speed", "medium_quality", 15),
        ("balanced", "good_quality", 300),
        ("high_accuracy", "best_quality", 1800),
        ("auto", "good_quality", 300),
        (None, "good_quality", 300),
    ],
)
def test_a_mode_is_a_preset_with_a_time_limit(client, mode, preset, seconds):
    client.start(f"mode {mode}", training_mode=mode)
    plan = client.world.services.collection_models.named(
        client.world.actor, "Demo", "training", f"mode {mode}"
    ).run.plan
    assert (plan.preset, plan.time_limit_s) == (preset, seconds)


def test_auto_is_fast_for_many_cells(client, monkeypatch):
    monkeypatch.setattr("athanor.api.dialects.vecml.models.MANY_CELLS", 200 * DIM - 1)
    client.start("large", training_mode="auto")
    plan = client.world.services.collection_models.named(client.world.actor, "Demo", "training", "large").run.plan
    assert plan.preset == "medium_quality"


def test_both_names_of_categorical_features_add_up(client):
    client.start("both", categorical_features=["category"], train_categorical_features=["word"])
    run = client.world.services.collection_models.named(client.world.actor, "Demo", "training", "both").run
    assert run.task.features == ("vector", "category", "word")


def test_every_preset_has_a_mode_and_every_key_a_metric():
    assert set(MODES) == set(ALL_PRESETS)
    assert {MODES[preset] for preset in PRESETS.values()} == set(PRESETS)
    assert set(SCORES) == KEYS
    assert set(SCORES.values()) <= set(METRICS.names())


def test_a_key_may_do_what_its_scopes_say(client):
    reader = Client(client.world)
    reader.key = client.world.a_key(Scope.RUNS_READ, Scope.DATA_READ)
    named = {"collection_name": "training", "model_name": "model1"}
    reader.ok("get_model_validation_metric", **named)
    reader.refused(403, "automl_predict", **named, prediction_dataset="later")
    reader.refused(403, "delete_automl_model", **named)
    reader.refused(403, "train_automl_model", **named, task_type="classification", label_attribute="label")
