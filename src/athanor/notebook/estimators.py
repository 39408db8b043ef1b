"""Estimators for scikit-learn: what `athanor.learn` does, as a step of its pipelines, searches and validations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from athanor.engine.tables.cells import LARGEST_INTEGER
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import AthanorError
from athanor.notebook.frames import Gathered, as_trained, free_name, gathered
from athanor.notebook.learn import TARGET, WEIGHT, learned
from athanor.notebook.predictor import Predictor
from athanor.notebook.progress import Progress
from athanor.notebook.question import IN_THIS_PROCESS, distribution_of, level_of, plan_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from athanor.engine.predictions import Predictions
    from athanor.engine.target_distribution import TargetDistribution
    from athanor.notebook.listing import Listing

_SEEDS = 2**31
_NOT_LEARNED_FROM = {ColumnType.ID, ColumnType.CONSTANT}


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both have in common. Parameters are those of `athanor.learn`, under the same names.

    random_state  the seed: a whole number, or a generator that one is drawn from; None: 0
    """

    def __init__(
        self,
        *,
        time_limit: float | str | None = 60,
        metric: str | None = None,
        preset: str = "best_quality",
        max_trials: int | None = None,
        memory_limit: float | str | None = None,
        cores: int | None = None,
        excluded_families: Iterable[str] = (),
        random_state: Any = 0,
        progress: Progress = False,
    ) -> None:
        self.time_limit = time_limit
        self.metric = metric
        self.preset = preset
        self.max_trials = max_trials
        self.memory_limit = memory_limit
        self.cores = cores
        self.excluded_families = excluded_families
        self.random_state = random_state
        self.progress = progress

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.non_deterministic = self.time_limit is not None
        return tags

    @property
    def leaderboard_(self) -> Listing:
        """The trials, best first; the first one is what answers."""
        check_is_fitted(self)
        predictor: Predictor = self.predictor_
        return predictor.leaderboard()

    def _fit(
        self,
        X: Any,
        target: tuple[ColumnSchema, Numbers | Words],
        weights: NDArray[np.float64] | None,
        *,
        problem: str,
        distribution: TargetDistribution | None = None,
    ) -> None:
        """Learn, and keep the model, with nothing of the run that is not needed to answer."""
        with _in_words_of_sklearn():
            found = gathered(X)
            dataset, task = _question(found.dataset, target, weights, metric=self.metric, problem=problem)
            task = replace(task, distribution=distribution)
            plan = plan_of(
                time_limit=self.time_limit,
                preset=self.preset,
                memory_limit=self.memory_limit,
                cores=self.cores,
                max_trials=self.max_trials,
                seed=_seed(self.random_state),
                excluded_families=self.excluded_families,
            )
            run = learned(
                Gathered(dataset, found.warnings),
                task,
                plan,
                in_this_process=self.cores == IN_THIS_PROCESS,
                progress=self.progress,
            )
            keep = TemporaryDirectory(prefix="athanor-model-")
            run.save(Path(keep.name))
        self.predictor_ = Predictor.of(Path(keep.name), keep=keep)

    def _answers(self, X: Any, *, level: float | None = None) -> Predictions:
        check_is_fitted(self)
        checked = self._checked(X, reset=False)
        with _in_words_of_sklearn():
            predictor: Predictor = self.predictor_
            return predictor.asked(as_trained(checked, predictor.model.schema), level=level)

    def _checked(self, X: Any, *, reset: bool) -> Any:
        """X as scikit-learn wants it to be looked at: frames keep their types, all else becomes an array."""
        if hasattr(X, "columns") or hasattr(X, "column_names"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        return validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=None, ensure_all_finite="allow-nan", ensure_min_features=1
        )


class AthanorClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """The best classifier within the limits, made of many. Labels may be texts, numbers or truth values.

    Attributes after `fit`: classes_, n_features_in_, feature_names_in_ (of a frame), predictor_, leaderboard_
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from the rows of a frame, an array or a sparse matrix. NaN and None are missing values.

        Raises ValueError where nothing can be learned, and where the parameters do not fit the data.
        """
        checked = self._checked(X, reset=True)
        labels = column_or_1d(_required(y), warn=True)
        check_consistent_length(checked, labels)
        check_classification_targets(labels)
        weights = _weights(sample_weight, checked)
        self.classes_ = np.unique(labels if weights is None else labels[weights > 0])
        if len(self.classes_) < 2:
            raise ValueError(
                f"A classifier needs two classes to learn from; the rows have one class: {self.classes_.tolist()}."
            )
        codes = np.searchsorted(self.classes_, labels).clip(max=len(self.classes_) - 1)  # of rows that count
        problem = "binary" if len(self.classes_) == 2 else "multiclass"
        self._fit(checked, _labels(self.classes_, codes), weights, problem=problem)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """(n_rows,) labels."""
        found = self._answers(X)
        labels: NDArray[Any] = self.classes_[found.codes]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n_rows, n_classes) probabilities, in the order of `classes_`; each row adds up to 1."""
        found = self._answers(X).probabilities
        if found is None:
            raise TypeError("The model that was put in the place of `predictor_` is no classifier.")
        return found


class AthanorRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """The best regression within the limits, made of many.

    distribution  of the target: "poisson", "quantile:0.9", …; None: what the metric asks for

    Attributes after `fit`: n_features_in_, feature_names_in_ (of a frame), predictor_, leaderboard_
    """

    def __init__(
        self,
        *,
        time_limit: float | str | None = 60,
        metric: str | None = None,
        preset: str = "best_quality",
        distribution: str | None = None,
        max_trials: int | None = None,
        memory_limit: float | str | None = None,
        cores: int | None = None,
        excluded_families: Iterable[str] = (),
        random_state: Any = 0,
        progress: Progress = False,
    ) -> None:
        super().__init__(
            time_limit=time_limit,
            metric=metric,
            preset=preset,
            max_trials=max_trials,
            memory_limit=memory_limit,
            cores=cores,
            excluded_families=excluded_families,
            random_state=random_state,
            progress=progress,
        )
        self.distribution = distribution

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from the rows of a frame, an array or a sparse matrix. NaN and None are missing values.

        Raises ValueError where nothing can be learned, and where the parameters do not fit the data.
        """
        checked = self._checked(X, reset=True)
        values = column_or_1d(_required(y), warn=True, dtype=np.float64)
        check_consistent_length(checked, values)
        if len(values) < 2:
            raise ValueError("A regression needs at least two rows to learn from, got n_samples=1.")
        if not np.isfinite(values).all():
            raise ValueError("The target y has a NaN or an infinite value. Leave those rows out.")
        schema = ColumnSchema(name=TARGET, type=ColumnType.NUMERIC, storage=Storage.FLOAT, is_given=True)
        with _in_words_of_sklearn():
            distribution = distribution_of(self.distribution)
        self._fit(
            checked,
            (schema, Numbers(values)),
            _weights(sample_weight, checked),
            problem="regression",
            distribution=distribution,
        )
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """(n_rows,) numbers, in the target's own unit."""
        return np.asarray(self._answers(X).values)

    def predict_interval(self, X: Any, level: float = 0.9) -> NDArray[np.float64]:
        """(n_rows, 2) least and greatest value between which the target lies, `level` of the time."""
        with _in_words_of_sklearn():
            checked = level_of(level)
        found = self._answers(X, level=checked)
        return np.column_stack([np.asarray(found.lower), np.asarray(found.upper)])


@contextmanager
def _in_words_of_sklearn() -> Iterator[None]:
    """What is wrong with data or parameters is a ValueError to scikit-learn."""
    try:
        yield
    except AthanorError as error:
        raise ValueError(str(error)) from error


def _required(y: Any) -> Any:
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    return y


def _weights(sample_weight: Any, X: Any) -> NDArray[np.float64] | None:
    """(n_rows,) weights of the rows, none below 0; None: all count alike."""
    if sample_weight is None:
        return None
    weights: NDArray[np.float64] = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return weights


def _seed(random_state: Any) -> int:
    if random_state is None:
        return 0
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(_SEEDS))


def _labels(classes: NDArray[Any], codes: NDArray[np.intp]) -> tuple[ColumnSchema, Numbers | Words]:
    """The target's column. Its labels have the order of `classes`, which is theirs in the engine, too."""
    is_number = classes.dtype.kind in "biuf" and bool(np.all(np.abs(classes.astype(np.float64)) <= LARGEST_INTEGER))
    if is_number:
        storage = {"b": Storage.BOOLEAN, "f": Storage.FLOAT}.get(classes.dtype.kind, Storage.INTEGER)
        column: Numbers | Words = Numbers(classes.astype(np.float64)[codes])
    else:
        storage, column = Storage.STRING, Words(codes.astype(np.int32), tuple(map(str, classes.tolist())))
    return ColumnSchema(name=TARGET, type=ColumnType.CATEGORICAL, storage=storage, is_given=True), column


def _question(
    features: Dataset,
    target: tuple[ColumnSchema, Numbers | Words],
    weights: NDArray[np.float64] | None,
    *,
    metric: str | None,
    problem: str,
) -> tuple[Dataset, Task]:
    """The table with its target and weights in it, and the task. A row of weight 0 counts as none."""
    schema, column = target
    name = free_name(TARGET, features.columns.keys())
    schemas = [*features.schema.columns, replace(schema, name=name)]
    columns = {**features.columns, name: column}
    weight = None
    if weights is not None:
        weight = free_name(WEIGHT, columns)
        schemas.append(ColumnSchema(name=weight, type=ColumnType.NUMERIC, storage=Storage.FLOAT))
        columns[weight] = Numbers(weights)
    types: Mapping[str, ColumnType] = {}
    if all(each.type in _NOT_LEARNED_FROM for each in features.schema.columns):  # a step of a pipeline does not refuse
        types = {each.name: _as_stored(each) for each in features.schema.columns}
    task = Task(target=name, problem=problem, metric=metric, weight=weight, types=types)
    dataset = Dataset(Schema(tuple(schemas)), columns, features.n_rows)
    if weights is not None and not (weights > 0).all():
        dataset = dataset.take(np.flatnonzero(weights > 0))
    return dataset, task


def _as_stored(column: ColumnSchema) -> ColumnType:
    if column.storage is Storage.STRING:
        return ColumnType.CATEGORICAL
    return ColumnType.DATETIME if column.storage is Storage.DATETIME else ColumnType.NUMERIC
