"""A VecML user's day, over real HTTP against a real server, worker and trainer."""

from __future__ import annotations

import ast
import csv
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest

from support.server import PATIENCE_S, wait_for
from support.vecml import Vecml, are_labels, check_metrics, encoded, example_rows

SHARED = os.environ.get("ATHANOR_SHARED")
TRAIN = example_rows(1000, "train", seed=2025)
PREDICT = example_rows(100, "pred", seed=2026)
SMALL = example_rows(300, "small", seed=7, dim=8)
DEMO = {"project_name": "AutoML-Demo", "collection_name": "training_data"}
ACCURACY, AUC = 0.90, 0.97  # that a good model of the example's 100 rows reaches
START = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
DURATION = re.compile(r"\d\d+:\d\d:\d\d")


@pytest.fixture(scope="module")
def vecml(server):
    with Vecml(server) as caller:
        yield caller


@pytest.fixture(scope="module")
def demo(vecml):
    """The published workflow, with its calls in their order. (the training's last status, the answer to predict)"""
    return run_through(vecml)


@pytest.fixture(scope="module")
def small(vecml):
    """A project with a collection of 300 short vectors. Its name"""
    vecml.ok("create_project", project_name="Small", application="Machine Learning")
    vecml.ok("init", project_name="Small", collection_name="bare", vector_type="dense", vector_dim=8)
    vecml.ok("add_data_batch", project_name="Small", collection_name="bare", **SMALL.batch())
    return "Small"


def run_through(vecml):
    vecml.post("delete_project", project_name="AutoML-Demo").json()
    vecml.ok("create_project", project_name="AutoML-Demo", application="Machine Learning")
    vecml.ok("init", **DEMO, vector_type="dense", vector_dim=64)
    sent = vecml.ok("add_data_batch", **DEMO, **TRAIN.batch())
    vecml.finished(sent["job_id"], "get_upload_data_status")
    status = vecml.trained(**DEMO, model_name="model1", categorical_features=["category"])
    vecml.ok("init", **DEMO | {"collection_name": "prediction_data"}, vector_type="dense", vector_dim=64)
    sent = vecml.ok("add_data_batch", **DEMO | {"collection_name": "prediction_data"}, **PREDICT.batch())
    vecml.finished(sent["job_id"], "get_upload_data_status")
    return status, vecml.ok("automl_predict", **DEMO, model_name="model1", prediction_dataset="prediction_data")


def check_answer(answer):
    assert answer["num_samples"] == len(answer["predictions"]) == 100
    assert are_labels(answer["predictions"])
    check_metrics(answer["prediction_metric"])
    assert answer["prediction_metric"]["accuracy"] >= ACCURACY
    assert answer["prediction_metric"]["auc"] >= AUC


# --- the published workflow ---


@pytest.mark.shared
@pytest.mark.skipif(not SHARED, reason="ATHANOR_SHARED does not name the folder with the published page")
def test_the_published_program_runs_to_its_end_twice_with_nothing_changed_but_base_and_key(server, tmp_path):
    page = (Path(SHARED or "") / "spec/published/vecml.txt").read_text()
    program = page[page.index("import requests\n") : page.index("AutoML API Endpoints")]
    changed = program.replace("replace_this_with_your_api_key", server.make_key("published"))
    changed = re.sub(r'BASE_URL = "[^"]*"', f'BASE_URL = "{server.url}/api"', changed)
    assert (
        len([line for line in zip(program.splitlines(), changed.splitlines(), strict=True) if line[0] != line[1]]) == 2
    )
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", changed],
            check=False,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            cwd=tmp_path,
        )
        assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        *_, last, said = ended.stdout.strip().splitlines()
        assert last == "Request to automl_predict: HTTP 200"
        check_answer(ast.literal_eval(said.removeprefix("Response: ")))


def test_an_unknown_project_is_refused_in_json_before_it_is_made(vecml):
    assert "does not exist" in vecml.refused("delete_project", 404, project_name="Never made")


def test_the_workflow_ends_with_good_predictions(demo):
    status, answer = demo
    check_metrics(status["validation_metric"])
    assert status["task_type"] == "classification"
    assert (status["model_name"], status["label_attribute"]) == ("model1", "label")
    assert START.fullmatch(status["start_time"])
    assert DURATION.fullmatch(status["duration"])
    check_answer(answer)


def test_the_workflow_can_be_run_again_over_what_it_left(vecml, demo):
    assert demo
    _, answer = run_through(vecml)
    check_answer(answer)


@pytest.mark.parametrize("path", ["/api/list_projects", "/api//list_projects", "/vecml/api//list_projects"])
def test_the_base_may_end_with_a_slash_and_stands_outside_the_prefix_as_well(server, path):
    answer = httpx.post(f"{server.url}{path}", json={"user_api_key": server.key})
    assert answer.status_code == 200, answer.text
    assert "projects" in answer.json()


# --- the same rows in every form ---


@pytest.mark.parametrize(
    ("file_format", "content"),
    [("csv", PREDICT.csv()), ("json", PREDICT.records())],
    ids=["csv", "json"],
)
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.usefixtures("demo")
def test_a_file_is_predicted_as_the_collection_of_the_same_rows(vecml, file_format, content, zipped):
    whole = vecml.ok("automl_predict", **DEMO, model_name="model1", prediction_dataset="prediction_data")
    answer = vecml.ok(
        "automl_predict",
        **DEMO,
        model_name="model1",
        file_data=encoded(content, zipped=zipped),
        file_format=file_format,
        has_field_names=True,
        **({"compression_type": "gzip"} if zipped else {}),
    )
    assert answer["predictions"] == whole["predictions"]
    assert answer["prediction_metric"] == whole["prediction_metric"]


def test_a_libsvm_file_is_predicted_as_the_collection_of_the_same_rows(vecml, small):
    names = {"project_name": small, "collection_name": "bare", "model_name": "numbers only"}
    vecml.trained(**names)
    whole = vecml.ok("automl_predict", **names, prediction_dataset="bare")
    filed = vecml.ok("automl_predict", **names, file_data=encoded(SMALL.libsvm()), file_format="libsvm")
    assert filed["predictions"] == whole["predictions"]
    assert filed["num_samples"] == 300


@pytest.mark.parametrize(
    ("file_format", "content", "more"),
    [
        ("csv", SMALL.csv(), {"has_field_names": True, "attribute_names": ["label", "category"]}),
        ("json", SMALL.records(), {}),
        ("libsvm", SMALL.libsvm(), {}),
        (
            "binary",
            SMALL.binary(),
            {"vector_type": "dense", "vector_dim": 8, "string_ids": SMALL.ids, "attributes": SMALL.attributes},
        ),
    ],
    ids=["csv", "json", "libsvm", "binary"],
)
def test_training_ends_on_an_upload_in_every_format(vecml, small, file_format, content, more):
    names = {"project_name": small, "collection_name": f"from {file_format}"}
    sent = vecml.ok("upload", **names, file_data=encoded(content), file_format=file_format, **more)
    vecml.finished(sent["job_id"], "get_upload_data_status")
    assert vecml.ok("get_collection_info", **names)["num_vectors"] == 300
    status = vecml.trained(**names, model_name="m")
    check_metrics(status["validation_metric"])
    assert status["validation_metric"]["auc"] > 0.8


def test_uploads_append_and_a_repeated_id_refuses_the_whole_file(vecml, small):
    names = {"project_name": small, "collection_name": "grown"}
    more = example_rows(50, "more", seed=8, dim=8)
    vecml.ok("upload", **names, file_data=encoded(SMALL.records()), file_format="json")
    vecml.ok("upload", **names, file_data=encoded(more.records()), file_format="json")
    vecml.refused("upload", 409, **names, file_data=encoded(more.records()), file_format="json")
    assert vecml.ok("get_collection_info", **names)["num_vectors"] == 350


# --- regression ---


def test_a_regression_is_measured_by_a_bare_number(vecml, small):
    names = {"project_name": small, "collection_name": "prices"}
    vecml.ok("init", **names, vector_type="dense", vector_dim=8)
    prices = [{"price": str(round(sum(vector) * 10, 3))} for vector in SMALL.vectors]
    vecml.ok("add_data_batch", **names, string_ids=SMALL.ids, data=SMALL.vectors, attributes=prices)
    status = vecml.trained(**names, model_name="m", task_type="regression", label_attribute="price")
    variance = float(np.var([float(price["price"]) for price in prices]))
    assert 0.0 <= status["validation_metric"] < variance / 4
    answer = vecml.ok("automl_predict", **names, model_name="m", prediction_dataset="prices")
    assert 0.0 <= answer["prediction_metric"] < variance / 4
    assert len(answer["predictions"]) == answer["num_samples"] == 300
    vecml.ok("get_model_validation_metric", **names, model_name="m")


# --- the flow of the newer operations ---


def passengers() -> str:
    """A table as people have them: numbers with gaps, codes that are categories, words, a target."""
    rng = np.random.default_rng(5)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["class", "sex", "age", "fare", "port", "survived"])
    for _ in range(400):
        level, sex, age = int(rng.integers(1, 4)), str(rng.choice(["male", "female"])), int(rng.integers(1, 80))
        lives = rng.random() < 0.15 + 0.55 * (sex == "female") + 0.1 * (3 - level)
        shown_age = "" if rng.random() < 0.2 else age
        writer.writerow(
            [level, sex, shown_age, round(float(rng.gamma(2, 15)), 2), str(rng.choice(["S", "C", "Q"])), int(lives)]
        )
    return text.getvalue()


def columns(table: str, *names: str) -> bytes:
    rows = list(csv.DictReader(io.StringIO(table)))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def test_a_table_and_its_labels_are_uploaded_apart_and_trained_on(vecml):
    table, categories = passengers(), ["class", "sex", "port"]
    names = {"project_name": "skill", "collection_name": "titanic_like"}
    vecml.ok("create_project", project_name="skill", application="autoML")
    again = vecml.refused("create_project", 409, project_name="skill", application="autoML")
    assert "exist" in again
    features = columns(table, "class", "sex", "age", "fare", "port")
    vecml.ok(
        "upload_automl_X",
        **names,
        X=encoded(features),
        file_format="csv",
        has_field_names=True,
        vector_type="dense",
        categorical_features=categories,
    )
    labelled = vecml.ok(
        "attach_automl_label",
        **names,
        file_data=encoded(columns(table, "survived")),
        file_format="csv",
        has_field_names=True,
        attribute_name="survived",
    )
    vecml.finished(labelled["job_id"], "get_automl_training_status")
    vecml.trained(**names, model_name="m", label_attribute="survived", train_categorical_features=categories)
    metrics = vecml.ok("get_model_validation_metric", **names, model_name="m")["validation_metric"]
    check_metrics(metrics)
    assert metrics["accuracy"] > 0.65
    importance = vecml.ok("get_feature_importance", **names, model_name="m")["feature_importance"]
    assert {found["feature"] for found in importance} == {"class", "sex", "age", "fare", "port"}
    values = [found["importance"] for found in importance]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert importance[0]["feature"] == "sex"
    answer = vecml.ok(
        "automl_predict",
        **names,
        model_name="m",
        file_data=encoded(table.encode()),  # the raw file, target included
        file_format="csv",
        has_field_names=True,
    )
    assert answer["num_samples"] == len(answer["predictions"]) == 400
    assert are_labels(answer["predictions"])
    without = vecml.ok(
        "automl_predict",
        **names,
        model_name="m",
        file_data=encoded(features),
        file_format="csv",
        has_field_names=True,
    )
    assert without["predictions"] == answer["predictions"]
    assert without["num_samples"] == 0
    assert without["prediction_metric"] is None


# --- models ---


def test_models_are_listed_with_five_words_each(vecml, demo):
    assert demo
    [info] = vecml.ok("list_automl_model_infos", **DEMO)["model_infos"]
    assert info[:4] == ["model1", "classification", "high_speed", "label"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d, \d\d:\d\d", info[4])


def test_another_collection_validates_and_bare_components_are_named_by_index(vecml, small):
    more = example_rows(100, "v", seed=9, dim=8)
    vecml.ok("init", project_name=small, collection_name="held", vector_type="dense", vector_dim=8)
    vecml.ok("add_data_batch", project_name=small, collection_name="held", **more.batch())
    names = {"project_name": small, "collection_name": "bare", "model_name": "validated"}
    status = vecml.trained(**names, categorical_features=["category"], validation_dataset="held")
    answer = vecml.ok("automl_predict", **names, prediction_dataset="held")
    assert status["validation_metric"] == answer["prediction_metric"]
    importance = vecml.ok("get_feature_importance", **names)["feature_importance"]
    assert {found["feature"] for found in importance} == {"category", *map(str, range(8))}


def test_a_model_that_is_deleted_while_it_trains_fails_and_its_name_is_free(vecml, small):
    names = {"project_name": small, "collection_name": "bare", "model_name": "short lived"}
    asked = {**names, "training_mode": "high_accuracy", "task_type": "classification", "label_attribute": "label"}
    first = vecml.ok("train_automl_model", **asked)["job_id"]
    wait_for(lambda: vecml.ok("get_automl_training_status", job_id=first)["status"] == "in_progress", "the training")
    assert "already exists" in vecml.refused("train_automl_model", 409, **asked)
    vecml.ok("delete_automl_model", **names)
    assert vecml.ok("get_automl_training_status", job_id=first)["status"] == "failed"
    second = vecml.ok("train_automl_model", **asked | {"training_mode": "high_speed"})["job_id"]
    assert second != first
    vecml.finished(second)
    vecml.ok("delete_automl_model", **names)
    vecml.refused("get_model_validation_metric", 404, **names)


# --- one platform ---


def test_two_users_own_a_project_of_the_same_name(server, vecml, demo):
    assert demo
    with Vecml(server, server.make_key("other", user="bob")) as bob:
        assert [one["project_name"] for one in bob.ok("list_projects")["projects"]].count("AutoML-Demo") == 0
        bob.ok("create_project", project_name="AutoML-Demo")
        assert bob.ok("list_collections", project_name="AutoML-Demo")["collections"] == []
        vecml_job = vecml.ok("add_data", **DEMO, data=[0.0] * 64, string_id="one more")["job_id"]
        bob.refused("get_upload_data_status", 404, job_id=vecml_job)
        bob.refused("get_collection_info", 404, **DEMO)


def test_a_training_that_vecml_started_is_seen_deployed_and_asked_through_workbench(client, vecml, small):
    names = {"project_name": small, "collection_name": "bare", "model_name": "both ways"}
    vecml.trained(**names, categorical_features=["category"])
    [job] = client.get("/automl/jobs", params={"search": "both ways"}).json()["jobs"]
    assert job["status"] == "completed"
    deployed = client.post(f"/automl/jobs/{job['id']}/deploy").json()
    row = {"vector": SMALL.vectors[0], "category": SMALL.attributes[0]["category"]}
    answer = client.post(f"/model-registry/models/{deployed['modelId']}/predict", json={"input_data": row})
    assert answer.status_code == 200, answer.text
    whole = vecml.ok("automl_predict", **names, prediction_dataset="bare")
    assert float(answer.json()["prediction"]) == whole["predictions"][0]


def test_a_training_that_workbench_started_is_listed_and_asked_through_vecml(client, vecml, small):
    bare = [found for found in client.get("/automl/datasets").json()["datasets"] if found["name"] == "bare"]
    body = {
        "name": "from workbench",
        "dataset": bare[0]["id"],
        "targetColumn": "label",
        "featureColumns": ["vector", "category"],
        "problemType": "binary_classification",
        "predictorType": "tabular",
        "preset": "medium_quality",
        "timeLimit": 60,
    }
    answer = client.post("/automl/jobs", json=body)
    assert answer.status_code == 201, answer.text
    job = answer.json()["id"]
    wait_for(lambda: client.get(f"/automl/jobs/{job}").json()["status"] == "completed", "the workbench job")
    names = {"project_name": small, "collection_name": "bare"}
    infos = {info[0]: info for info in vecml.ok("list_automl_model_infos", **names)["model_infos"]}
    assert infos["from-workbench"][1] == "classification"
    answer = vecml.ok("automl_predict", **names, model_name="from-workbench", prediction_dataset="bare")
    assert answer["num_samples"] == 300
    check_metrics(answer["prediction_metric"])


def test_a_table_that_workbench_uploaded_is_trained_on_through_vecml(client, vecml, churn):
    with churn.open("rb") as file:
        assert client.post("/automl/datasets", files={"file": ("churn table.csv", file)}).status_code == 201
    names = {"project_name": "default", "collection_name": "churn-table"}
    info = vecml.ok("get_collection_info", **names)
    assert info["num_vectors"] == 1200
    status = vecml.trained(**names, model_name="over there", label_attribute="churned", categorical_features=["plan"])
    assert status["validation_metric"]["auc"] > 0.8


# --- keys ---


def test_no_key_reaches_the_log(server, vecml, demo):
    assert demo
    vecml.post("init", project_name="x\ny", collection_name=1)
    with Vecml(server, "ath_0_wrong-secret-of-mine") as stranger:
        stranger.refused("list_projects", 401)
    log = server.log.read_text()
    assert server.key not in log
    assert "wrong-secret-of-mine" not in log
