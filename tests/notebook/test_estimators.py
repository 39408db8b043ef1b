"""Estimators for scikit-learn: its own checks, and the places where people put estimators."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from athanor.notebook.estimators import AthanorClassifier, AthanorRegressor

# One trial, fitted in this process, and no clock: the same bits each time, in a fraction of a second.
QUICK = {"time_limit": None, "max_trials": 1, "cores": 0, "preset": "fast"}

FOLDS = (
    "A row with a weight of 2 stands in one fold, and two rows that are alike may stand in two: a model that is "
    "cross-fitted has other folds, and so other parts, than one of rows that are repeated."
)
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": FOLDS,
    "check_sample_weight_equivalence_on_sparse_data": FOLDS,
}


@parametrize_with_checks(
    [AthanorClassifier(**QUICK), AthanorRegressor(**QUICK)], expected_failed_checks=lambda estimator: EXPECTED
)
def test_scikit_learn_finds_nothing_that_is_not_expected(estimator, check):
    check(estimator)


def test_at_most_five_of_its_checks_are_expected_to_fail():
    assert len(EXPECTED) <= 5


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})


@pytest.fixture(scope="module")
def flowers(iris):
    """A fitted estimator for all who only ask it."""
    return AthanorClassifier(**QUICK).fit(*iris)


def test_labels_are_answered_as_they_came(flowers, iris):
    X, y = iris
    assert flowers.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert (flowers.predict(X) == y).mean() > 0.9
    assert flowers.predict_proba(X).shape == (150, 3)
    assert flowers.feature_names_in_.tolist() == X.columns.tolist()
    assert flowers.leaderboard_[0]["family"] in {row["family"] for row in flowers.leaderboard_}


@pytest.mark.parametrize("labels", [["b", "a"], [2, 1], [2.0, -1.0], [True, False], [2**60 + 1, 2**60]], ids=str)
def test_labels_of_any_type_come_back(labels):
    X = np.arange(40.0).reshape(-1, 1)
    y = np.array(labels)[(X[:, 0] > 20).astype(int)]
    model = AthanorClassifier(**QUICK).fit(X, y)
    answers = model.predict(X)
    assert answers.dtype == y.dtype
    assert (answers == y).mean() > 0.8
    assert model.classes_.tolist() == sorted(set(labels))


def test_a_frame_with_words_times_and_gaps_needs_no_preparation():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "colour": pd.Categorical(rng.choice(["red", "blue"], 80)),
            "word": rng.choice(["north", None], 80),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 80), unit="D"),
            "size": np.where(rng.random(80) < 0.1, np.nan, rng.normal(size=80)),
        }
    )
    y = (X.colour == "red").to_numpy()
    for frame in (X, pl.DataFrame({"size": X["size"].to_numpy(), "colour": X.colour.astype(str).tolist()})):
        assert AthanorClassifier(**QUICK).fit(frame, y).score(frame, y) == 1.0


def test_columns_in_another_order_or_of_other_names_are_refused(flowers, iris):
    X, _ = iris
    with pytest.raises(ValueError, match="feature names should match"):
        flowers.predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        flowers.predict(X.rename(columns={"petal width (cm)": "width"}))


def test_a_sparse_matrix_is_learned_from_and_answered():
    X = sparse.random(60, 30, 0.2, format="csr", random_state=0)
    y = np.asarray(X[:, 0].todense()).ravel() > 0
    y[:5] = True
    model = AthanorClassifier(**QUICK).fit(X, y)
    assert model.predict_proba(X.tocoo()).shape == (60, 2)
    assert model.n_features_in_ == 30


def test_columns_that_would_say_nothing_in_a_file_are_learned_from_where_there_are_no_others():
    X, y = np.arange(60).reshape(-1, 1), np.arange(60) * 2.0
    assert AthanorRegressor(**QUICK).fit(X, y).score(X, y) > 0.5


def test_rows_of_weight_0_count_as_none(iris):
    X, y = iris
    weights = (y != "virginica").to_numpy(float)
    weighted, without = (
        AthanorClassifier(**QUICK).fit(X, y, sample_weight=weights),
        AthanorClassifier(**QUICK).fit(X[weights > 0], y[weights > 0], sample_weight=weights[weights > 0]),
    )
    assert weighted.classes_.tolist() == ["setosa", "versicolor"]
    assert np.array_equal(weighted.predict_proba(X), without.predict_proba(X))


def test_the_same_seed_gives_the_same_bits_and_a_generator_may_draw_it(iris):
    X, y = iris
    first, again = (AthanorClassifier(**QUICK, random_state=7).fit(X, y).predict_proba(X) for _ in range(2))
    assert np.array_equal(first, again)
    drawn = AthanorClassifier(**QUICK, random_state=np.random.RandomState(7)).fit(X, y)
    assert drawn.predict_proba(X).shape == first.shape
    assert AthanorClassifier(**QUICK, random_state=None).fit(X, y).predict(X).shape == y.shape


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"preset": "best"}, "No preset 'best'"),
        ({"metric": "rmse"}, "does not fit"),
        ({"time_limit": "soon"}, "is not a time"),
        ({"max_trials": None}, "needs a time limit or a number of trials"),
        ({"excluded_families": ["nobody"]}, "No model family"),
    ],
)
def test_parameters_that_do_not_fit_are_a_value_error_when_it_is_fitted(iris, parameters, told):
    with pytest.raises(ValueError, match=told):
        AthanorClassifier(**{**QUICK, **parameters}).fit(*iris)


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "way",
    [lambda model: pickle.loads(pickle.dumps(model)), through_joblib, copy.deepcopy],  # noqa: S301
    ids=["pickle", "joblib", "deepcopy"],
)
def test_a_fitted_estimator_is_copied_with_its_model(flowers, iris, way):
    X, _ = iris
    again = way(flowers)
    assert np.array_equal(again.predict_proba(X), flowers.predict_proba(X))
    assert again.leaderboard_.rows == flowers.leaderboard_.rows


def test_a_clone_has_the_parameters_and_no_model(flowers):
    copied = clone(flowers)
    assert copied.get_params() == flowers.get_params()
    assert not hasattr(copied, "predictor_")
    assert clone(AthanorRegressor(distribution="poisson")).get_params()["distribution"] == "poisson"


def test_it_is_the_last_step_of_a_pipeline(iris):
    X, y = iris
    columns = X.columns.tolist()
    prepared = ColumnTransformer(
        [("scaled", StandardScaler(), columns[:2]), ("binned", OneHotEncoder(handle_unknown="ignore"), columns[2:])]
    )
    assert make_pipeline(prepared, AthanorClassifier(**QUICK)).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("kind", ["pandas", "polars", "default"])
def test_what_comes_before_it_may_give_any_kind_of_frame(iris, kind):
    X, y = iris
    scaled = StandardScaler().set_output(transform=kind)
    assert make_pipeline(scaled, AthanorClassifier(**QUICK)).fit(X, y).score(X, y) > 0.9


def test_it_is_cross_validated_and_searched(iris):
    X, y = iris
    assert cross_val_score(AthanorClassifier(**QUICK), X, y, cv=3).min() > 0.8
    search = GridSearchCV(AthanorClassifier(**QUICK), {"preset": ["fast", "medium_quality"]}, cv=2).fit(X, y)
    assert search.best_params_["preset"] in {"fast", "medium_quality"}
    assert search.predict(X).shape == y.shape


def test_numbers_are_answered_in_the_unit_of_the_target():
    X, y = load_diabetes(return_X_y=True)
    model = AthanorRegressor(**QUICK).fit(X, y)
    assert model.score(X, y) > 0.4
    assert model.predictor_.problem == "regression"
    lower, upper = model.predict_interval(X, level=0.8).T
    assert ((lower <= y) & (y <= upper)).mean() > 0.75


def test_a_target_with_a_gap_is_refused():
    with pytest.raises(ValueError, match="NaN or an infinite value"):
        AthanorRegressor(**QUICK).fit(np.ones((3, 1)), [1.0, np.nan, 2.0])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"max_trials": "a"}, "`max_trials` must be a whole number"), ({"distribution": 3}, "`distribution` must be")],
)
def test_parameters_of_the_wrong_kind_are_told_when_it_is_fitted(wrong, told):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match=told):
        AthanorRegressor(**{**QUICK, **wrong}).fit(X, y)


def test_a_regression_has_one_target():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="1d array"):
        AthanorRegressor(**QUICK).fit(X, np.column_stack([y, y]))
