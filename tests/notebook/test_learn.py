"""`athanor.learn`: from a table of any kind to a model."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from athanor.engine.events import Finished, FoldFinished, Started
from athanor.errors import Conflict, InvalidInput
from athanor.notebook.learn import learn


def test_the_same_question_of_the_same_rows_has_the_same_answers_whatever_holds_them(people, quick):
    asked = {"target": "buys", "excluded": "spends", **quick}
    first = learn(people, **asked).predictor.predict_proba(people).to_numpy()
    again = learn(pl.DataFrame(people.to_dict("list")), **asked).predictor.predict_proba(people).to_numpy()
    assert np.array_equal(first, again)


def test_the_target_may_come_alone_and_gives_the_answers_its_name(people, quick):
    features, spends = people[["age", "region"]], people.spends
    predictor = learn(features, spends, **quick).predictor
    assert (predictor.target, predictor.problem) == ("spends", "regression")
    assert predictor.predict(features).name == "spends"
    assert learn(features, spends.to_numpy(), **quick).predictor.target == "target"


def test_a_target_without_a_name_takes_none_that_a_column_has(people, quick):
    features = people[["age", "region"]].rename(columns={"region": "target"})
    assert learn(features, people.spends.tolist(), **quick).predictor.target == "target_"


def test_what_is_asked_for_is_what_is_learned(people, quick):
    result = learn(
        people,
        "buys",
        features=["age", "region"],
        types={"age": "categorical"},
        metric="log_loss",
        positive="no",
        weight=np.ones(len(people)),
        **quick,
    )
    task = result.predictor.model.task
    assert (task.metric, task.positive, task.weight, task.features) == ("log_loss", "no", "weight", ("age", "region"))
    assert result.predictor.classes == ("yes", "no")
    assert result.predictor.model.schema["age"].type == "categorical"


def test_weights_may_be_a_column_of_the_table_which_is_no_feature_then(people, quick):
    people["counts"] = 1.0
    predictor = learn(people, "buys", weight="counts", excluded=["spends"], **quick).predictor
    assert "counts" not in predictor.features


def test_a_distribution_of_the_target_is_fitted(people, quick):
    people["spends"] = people.spends.clip(lower=0.0)
    task = learn(people, "spends", distribution="poisson", **quick).predictor.model.task
    assert str(task.distribution) == "poisson"


@pytest.mark.parametrize("in_pairs", [False, True])
def test_validation_rows_give_the_scores(people, quick, in_pairs):
    train, held_out = people[:80], people[80:]
    validation = (held_out[["age", "region"]], held_out.buys) if in_pairs else held_out
    result = learn(train, "buys", excluded=["spends"] if not in_pairs else "spends", validation=validation, **quick)
    right = (result.predictor.predict(held_out) == held_out.buys).mean()
    assert result.scores["accuracy"] == pytest.approx(right)


def test_validation_rows_without_the_target_are_refused(people, quick):
    with pytest.raises(InvalidInput, match="no column 'buys'"):
        learn(people, "buys", validation=people[["age"]], **quick)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"target": "bought"}, "target"),
        ({"target": None}, "target"),
        ({"target": "buys", "features": ["height"]}, "features"),
        ({"target": "buys", "excluded": ["height"]}, "excluded"),
        ({"target": "buys", "weight": "height"}, "weight"),
        ({"target": "buys", "types": {"height": "numeric"}}, "types"),
        ({"target": "buys", "time_limit": None, "max_trials": None}, "time_limit_s"),
    ],
)
def test_what_does_not_fit_the_table_is_refused_with_the_parameter_that_says_it(people, quick, asked, field):
    with pytest.raises(InvalidInput) as refused:
        learn(people, **{**quick, **asked})
    assert refused.value.field == field


def test_who_listens_hears_the_events_of_the_engine(people, quick):
    heard = []
    learn(people, "buys", **{**quick, "progress": heard.append})
    assert isinstance(heard[0], Started)
    assert any(isinstance(event, FoldFinished) for event in heard)
    assert isinstance(heard[-1], Finished)


def test_in_a_folder_the_folds_stay_and_the_same_call_takes_them_up(people, quick, tmp_path):
    asked = {"data": people, "target": "buys", **quick, "folder": tmp_path / "run"}
    first = learn(**asked)
    heard = []
    again = learn(**{**asked, "progress": heard.append})
    assert all(event.restored for event in heard if isinstance(event, FoldFinished))
    assert again.score == first.score
    with pytest.raises(Conflict, match="other data or another task"):
        learn(**{**asked, "data": people[:100]})


def test_a_training_goes_on_with_more_trials_and_the_first_result_stays(bought, people):
    more = bought.continue_(more_trials=1, progress=False)
    assert len(more.leaderboard) > len(bought.leaderboard)
    assert bought.predictor.predict_proba(people).shape == (len(people), 2)
    with pytest.raises(InvalidInput, match="more time or more trials"):
        bought.continue_(progress=False)


def test_processes_of_its_own_fit_to_the_same_bits(people, quick):
    asked = {"target": "buys", "excluded": ["spends"], **quick}
    alone, beside = (learn(people, **{**asked, "cores": cores}).predictor for cores in (0, 1))
    assert np.array_equal(alone.predict_proba(people), beside.predict_proba(people))


def test_a_frame_is_not_changed(people, quick):
    before = people.copy()
    learn(people, "buys", **quick).predictor.predict(people)
    pd.testing.assert_frame_equal(people, before)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"max_trials": 1.5}, "`max_trials` must be a whole number, got 1.5"),
        ({"seed": "a"}, "`seed` must be a whole number, got 'a'"),
        ({"cores": "a"}, "`cores` must be a whole number, got 'a'"),
        ({"progress": 3}, "`progress` must be True, False or a function, got 3"),
        ({"distribution": 3}, "`distribution` must be a name"),
        ({"distribution": "quantile:"}, "must be a number, as in quantile:0.9"),
        ({"excluded": ["spends"]}, "'spends' is the target and cannot be excluded"),
        ({"folder": 3}, "`folder` must be a path, got 3"),
    ],
)
def test_a_parameter_of_the_wrong_kind_is_told(wrong, told, people, quick):
    with pytest.raises(InvalidInput, match=told):
        learn(people, "spends", **{**quick, **wrong})


def test_a_file_is_no_folder_for_what_is_fitted(people, quick, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidInput, match="a file stands there"):
        learn(people, "buys", folder=tmp_path / "file", **quick)
