"""Jobs: what the exchange files cannot show."""

from uuid import UUID

import pytest

from athanor.core.dataset import Origin
from athanor.core.event import EventKind
from athanor.core.job import JobState
from athanor.engine.plan import Plan
from athanor.engine.task import Task


def line(message, level="info"):
    return (EventKind.LINE, {"level": level, "message": message})


def logs(world, job, query=""):
    answer = world.call("GET", f"/api/v1/automl/jobs/{job}/logs{query}")
    assert answer.status_code == 200
    return [entry["message"] for entry in answer.json()["logs"]]


def test_a_client_that_polls_with_the_last_timestamp_sees_every_line_once(world):
    """Lines come several times a second, and timestamps name whole seconds."""
    job = world.a_job(JobState.RUNNING)
    seen, since = [], ""
    for number in range(40):
        world.tell(job, line(f"line {number}"))
        if number == 39:
            world.bring(job, JobState.SUCCEEDED)
        world.clock.pass_(0.3)
        answer = world.call("GET", f"/api/v1/automl/jobs/{job}/logs{since}").json()["logs"]
        seen += [entry["message"] for entry in answer]
        since = f"?since={answer[-1]['timestamp']}" if answer else since
    assert seen == [f"line {number}" for number in range(40)]


def test_lines_that_are_not_settled_yet_take_no_place_of_those_that_are(world):
    job = world.a_job(JobState.RUNNING)
    world.tell(job, line("first"), line("second"))
    world.clock.pass_(60)
    world.tell(job, line("too fresh to tell"))
    assert logs(world, job, "?lines=1") == ["second"]


def test_lines_of_a_job_that_ended_are_told_at_once(world):
    job = world.a_job(JobState.SUCCEEDED)
    world.tell(job, line("AutoML job completed"))
    assert logs(world, job) == ["AutoML job completed"]


def test_a_time_with_a_fraction_is_taken_at_its_word(world):
    job = world.a_job(JobState.SUCCEEDED)
    world.tell(job, line("at 09:55:00.25"))
    assert logs(world, job, "?since=2025-02-01T09:55:00.2Z") == ["at 09:55:00.25"]
    assert logs(world, job, "?since=2025-02-01T09:55:00.25Z") == []
    assert logs(world, job, "?since=2025-02-01T09:55:00Z") == []


@pytest.mark.parametrize(
    ("level", "shown"), [("INFO", "info"), ("warn", "warning"), ("CRITICAL", "error"), ("notice", "info")]
)
def test_levels_are_the_vendors(world, level, shown):
    job = world.a_job(JobState.SUCCEEDED)
    world.tell(job, line("x", level))
    answer = world.call("GET", f"/api/v1/automl/jobs/{job}/logs").json()
    assert answer["logs"][0]["level"] == shown


def test_only_lines_are_logs(world):
    job = world.a_job(JobState.SUCCEEDED)
    world.tell(job, (EventKind.PROGRESS, {"fraction": 0.5, "elapsed_s": 1.0, "left_s": 1.0, "doing": "x"}), line("a"))
    assert logs(world, job) == ["a"]


def test_a_job_without_a_leaderboard_yet_has_empty_metrics(world):
    answer = world.call("GET", f"/api/v1/automl/jobs/{world.a_job(JobState.RUNNING)}/metrics").json()
    assert (answer["leaderboard"], answer["bestModel"], answer["valScore"]) == ([], None, None)


def test_a_leaderboard_of_partial_trials_only_has_no_best_model(world):
    job = world.a_job(JobState.RUNNING)
    row = {"rank": None, "name": "LightGBM", "family": "lightgbm", "score": 0.5, "fit_s": 1.0, "predict_s": 0.0}
    world.tell(job, (EventKind.LEADERBOARD, {"rows": [{**row, "folds": 1, "n_folds": 5, "trial": "t"}]}))
    answer = world.call("GET", f"/api/v1/automl/jobs/{job}/metrics").json()
    assert answer["bestModel"] is None
    assert answer["leaderboard"][0]["score_val"] == 0.5


def test_a_run_that_was_made_elsewhere_is_shown_in_full(world):
    """Through another dialect, or the command line: without a body of ours to echo."""
    view = world.services.train.start(
        world.actor,
        dataset_id=world.a_dataset(),
        name="From elsewhere",
        task=Task(target="churned", problem="binary", metric="roc_auc"),
        plan=Plan(time_limit_s=None, max_trials=3),
        origin=Origin(dialect="other", body={"preset": "theirs", "targetColumn": "theirs"}),
    )
    shown = world.call("GET", f"/api/v1/automl/jobs/{view.run.id}").json()
    assert (shown["preset"], shown["targetColumn"], shown["metric"]) == ("best_quality", "churned", "roc_auc")
    assert shown["timeLimit"] is None
    assert shown["predictorType"] == "tabular"


def test_a_limit_below_a_second_is_shown_as_one(world):
    view = world.services.train.start(
        world.actor, dataset_id=world.a_dataset(), name="x", task=Task(target="churned"), plan=Plan(time_limit_s=0.5)
    )
    assert world.call("GET", f"/api/v1/automl/jobs/{view.run.id}").json()["timeLimit"] == 1


def test_a_path_on_the_server_is_read_below_its_roots_only(world, started):
    first = started(dataset="customers.csv")
    assert first.status_code == 201
    jobs = world.call("GET", "/api/v1/automl/jobs").json()["jobs"]
    again = started(dataset="customers.csv", datasetFile="customers.csv")
    assert again.status_code == 201
    assert world.call("GET", "/api/v1/automl/jobs").json()["jobs"][0]["dataset"] == jobs[0]["dataset"]
    outside = started(dataset=str(world.folder / "secret.csv"))
    missing = started(dataset="nothing.csv")
    assert outside.status_code == missing.status_code == 404


def test_an_auto_detected_problem_leaves_the_metric_to_the_dialects_defaults(world, started):
    job = started().json()["id"]
    with world.records.look(world.actor.organization_id) as transaction:
        (run,) = transaction.runs.find().items
    assert run.task.problem is None
    assert run.task.metric is None
    assert run.task.default_metrics == {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}
    assert world.call("GET", f"/api/v1/automl/jobs/{job}").json()["metric"] is None


def test_a_job_that_was_deployed_and_deleted_leaves_its_model(world):
    job = world.a_job(JobState.SUCCEEDED)
    model = world.call("POST", f"/api/v1/automl/jobs/{job}/deploy").json()["modelId"]
    assert world.call("DELETE", f"/api/v1/automl/jobs/{job}").status_code == 204
    answer = world.call("POST", f"/api/v1/model-registry/models/{model}/predict", json={"input_data": {"age": 50}})
    assert answer.json()["prediction"] == "yes"


def test_a_job_that_is_continued_elsewhere_is_at_work_again_and_complete_when_that_is_stopped(world):
    job = world.a_job(JobState.SUCCEEDED, timeLimit=60)
    run = UUID(job.removeprefix("aml_"))
    fold = world.folder / "runs" / str(run) / "trials" / "linear" / "fold-0"
    fold.mkdir(parents=True)
    (fold / "fold.json").write_text("{}")
    before = world.call("GET", f"/api/v1/automl/jobs/{job}").json()
    world.services.train.continue_(world.actor, run, time_limit_s=90.0)
    shown = world.call("GET", f"/api/v1/automl/jobs/{job}").json()
    assert (shown["status"], shown["timeLimit"], shown["bestModel"]) == ("queued", 90, before["bestModel"])
    assert world.call("POST", f"/api/v1/automl/jobs/{job}/deploy").status_code == 200, "its models answer meanwhile"
    stopped = world.call("POST", f"/api/v1/automl/jobs/{job}/stop").json()
    assert (stopped["status"], stopped["message"]) == ("completed", "AutoML job stopped successfully")
    after = world.call("GET", f"/api/v1/automl/jobs/{job}").json()
    assert {**after, "modelId": None} == before
