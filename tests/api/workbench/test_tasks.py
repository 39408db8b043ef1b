"""What a job's body means for the core."""

import pytest

from athanor.api.dialects.workbench import tasks, words
from athanor.api.dialects.workbench.bodies import StartJob
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.problems import PROBLEMS
from athanor.errors import InvalidInput


def asked(**fields):
    return StartJob.model_validate({"name": "Churn", "dataset": "ds_1", "targetColumn": "y", **fields})


def test_the_defaults_are_the_published_ones():
    plan, warnings = tasks.plan_of(asked())
    assert (plan.preset, plan.time_limit_s, plan.ensemble, plan.cores) == ("best_quality", 3600.0, True, None)
    assert plan.excluded_families == ()
    assert warnings == []


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("binary_classification", "binary"),
        ("multiclass_classification", "multiclass"),
        ("regression", "regression"),
        ("tabular", None),
        (None, None),
    ],
)
def test_a_problem_type_is_the_cores_problem(word, problem):
    assert tasks.task_of(asked(problemType=word)).problem == problem


@pytest.mark.parametrize(
    ("word", "problem"),
    [("BinaryClassifier", "binary"), ("MultiClassifier", "multiclass"), ("Regressor", "regression")],
)
def test_a_predictor_type_can_fix_the_problem(word, problem):
    assert tasks.task_of(asked(predictorType=word)).problem == problem
    assert tasks.task_of(asked(predictorType=word, problemType=words.PROBLEMS[problem])).problem == problem


@pytest.mark.parametrize(
    ("word", "metric"), [("f1", "f1"), ("auc", "roc_auc"), ("AUC", "roc_auc"), (" rmse ", "rmse"), (None, None)]
)
def test_a_metric_is_known_by_its_aliases(word, metric):
    assert tasks.task_of(asked(metric=word)).metric == metric


def test_this_dialects_default_metrics_are_real_ones_for_every_problem():
    assert set(words.DEFAULT_METRICS) == set(PROBLEMS.names()) == set(words.PROBLEMS)
    for problem, metric in words.DEFAULT_METRICS.items():
        assert problem in METRICS[metric].problems
    assert tasks.task_of(asked()).default_metrics == words.DEFAULT_METRICS


def test_every_alias_of_a_metric_stands_for_one():
    assert set(words.METRICS.values()) <= set(METRICS.names())


def test_the_label_column_is_learned_and_the_target_column_is_no_feature_then():
    task = tasks.task_of(asked(labelColumn="z"))
    assert (task.target, task.excluded, task.features) == ("z", ("y",), None)
    task = tasks.task_of(asked(labelColumn="z", featureColumns=["a", "y", "z"]))
    assert task.features == ("a",)


def test_a_label_column_that_is_the_target_column_changes_nothing():
    assert tasks.task_of(asked(labelColumn="y")) == tasks.task_of(asked())


def test_feature_columns_without_the_target_are_the_features():
    assert tasks.task_of(asked(featureColumns=["b", "y", "a"])).features == ("b", "a")
    with pytest.raises(InvalidInput, match="no column but the target"):
        tasks.task_of(asked(featureColumns=["y"]))


@pytest.mark.parametrize(
    ("word", "family"),
    [
        *(("LightGBM", "lightgbm"), ("gbm", "lightgbm"), ("LR", "linear"), ("LinearModel", "linear")),
        *(("linear", "linear"), ("CAT", "catboost"), ("CatBoost", "catboost"), ("XGB", "xgboost")),
        *(("XGBoost", "xgboost"), ("RF", "random_forest"), ("RandomForest", "random_forest")),
        *(("XT", "extra_trees"), ("ExtraTrees", "extra_trees"), ("NN_TORCH", "neural")),
        *(("FASTAI", "neural"), ("NeuralNet", "neural"), ("gaussian_process", "gaussian_process")),
    ],
)
def test_a_model_is_left_out_by_any_of_its_names(word, family):
    plan, warnings = tasks.plan_of(asked(advanced={"excludeModels": [word, word]}))
    assert plan.excluded_families == (family,)
    assert warnings == []


def test_every_family_of_the_vendors_words_is_one():
    assert set(words.FAMILIES.values()) <= set(FAMILIES.names())


def test_no_word_means_two_families():
    """Whoever leaves one out leaves out no other."""
    meant = [
        word for name in FAMILIES.names() for word in {name, FAMILIES[name].label.lower(), *FAMILIES[name].aliases}
    ]
    assert len({*meant, *words.FAMILIES}) == len(meant) + len(words.FAMILIES)


def test_what_changes_nothing_is_said():
    _, warnings = tasks.plan_of(
        asked(
            hardware="gpu-a100-40gb",
            dataSource="ds_pg",
            advanced={"excludeModels": ["KNN", "GBM"], "numStacks": 2, "enableEnsemble": False},
        )
    )
    assert [warning.split(":")[0].split(" ")[0] for warning in warnings] == [
        "`advanced.excludeModels`",
        "`advanced.numStacks`",
        "`dataSource`",
        "`hardware`",
    ]


def test_the_plan_does_what_the_body_says():
    plan, _ = tasks.plan_of(
        asked(
            timeLimit=60, preset="good_quality", hardware={"cpu_count": 2, "x": 1}, advanced={"enableEnsemble": False}
        )
    )
    assert (plan.time_limit_s, plan.preset, plan.cores, plan.ensemble) == (60.0, "good_quality", 2, False)
    assert tasks.plan_of(asked(preset="optimize_for_deployment"))[0].preset == "good_quality"


def test_what_is_echoed_is_what_was_said_and_no_more():
    said = tasks.echo_of(
        asked(preset="optimize_for_deployment", advanced={"excludeModels": ["KNN"], "secret": "x"}, apiKey="x")
    )
    assert said == {
        "targetColumn": "y",
        "preset": "optimize_for_deployment",
        "advanced": {"excludeModels": ["KNN"]},
    }


def test_a_dataset_is_named_by_its_id_or_by_the_path_of_its_upload():
    digits = "0123456789abcdef" * 2
    found = {tasks.named_dataset(text) for text in (f"ds_{digits}", digits, f"uploads/upload_{digits}")}
    assert {uuid.hex for uuid in found} == {digits}
    assert tasks.named_dataset("folder/customers.csv") is None
