"""How good answers are by every metric, where the rows say what was really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from athanor.engine.fitting.training_set import row_weights
from athanor.engine.metrics import METRICS
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.labels import labels_in
from athanor.engine.tables import cells
from athanor.engine.tables.dataset import Dataset, Numbers, Rows
from athanor.engine.tables.overrides import with_types
from athanor.engine.tables.schema import ColumnType
from athanor.engine.task import Label, Task
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.serving.predictor import Predictor

MOST_UNKNOWN = 100  # labels that training did not know and that are told apart; further ones count as one more


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Answers for all rows of a table, and how good they are on those that have a value in the target column.

    scores  metric → score on these rows, for each metric that is defined on them
    """

    predictions: Predictions
    n_labelled: int
    scores: Mapping[str, float]


def evaluate(predictor: Predictor, dataset: Dataset) -> Evaluation:
    """Predict the rows of a table, and score the answers where the table has the target column.

    A label that training did not know is simply not what was predicted. Raises InvalidInput like `Predictor.predict`,
    and naming row and column of a target that is to be a number and is none.
    """
    predictions = predictor.predict(dataset)
    rows, truth = truth_in(dataset, predictor.task, predictor.classes)
    if not len(rows):
        return Evaluation(predictions=predictions, n_labelled=0, scores={})
    scores = all_scores(predictor.problem, truth, predictions.take(rows))
    return Evaluation(predictions=predictions, n_labelled=len(rows), scores=scores)


def all_scores(problem: str, truth: Truth, predictions: Predictions) -> dict[str, float]:
    """Every metric of the problem that is defined on these rows."""
    metrics = [METRICS[name] for name in METRICS.names() if problem in METRICS[name].problems]
    found = {metric.name: metric.score(truth, predictions) for metric in metrics}
    return {name: score for name, score in found.items() if isfinite(score)}


def truth_in(dataset: Dataset, task: Task, classes: tuple[Label, ...]) -> tuple[Rows, Truth]:
    """The rows of a table that have a value in the target column, and these values in the numbers of training.

    classes  the labels that training knew; () for a quantity. In the truth, those that it did not know stand behind
    """
    if task.target not in dataset.schema:
        return np.empty(0, np.int64), Truth(y=np.empty(0), classes=classes)
    wanted = ColumnType.CATEGORICAL if classes else ColumnType.NUMERIC
    try:
        target = with_types(dataset.select([task.target]), {task.target: wanted})
    except InvalidInput as error:
        raise InvalidInput(str(error), field=task.target) from error
    rows = np.flatnonzero(~target[task.target].missing())
    known, schema = target[task.target].take(rows), target.schema[task.target]
    weight = None
    if task.weight is not None and task.weight in dataset.schema:
        weight = row_weights(dataset.select([task.weight]).take(rows), task.weight)
    if isinstance(known, Numbers) and not classes:
        return rows, Truth(y=known.values, weight=weight)
    labels, places = labels_in(known, schema)
    codes, told_apart = _codes(labels, classes)
    return rows, Truth(y=codes[places], classes=told_apart, weight=weight)


def _codes(labels: Sequence[Label], classes: tuple[Label, ...]) -> tuple[NDArray[np.float64], tuple[Label, ...]]:
    """Each label's position among the classes with the unknown labels behind them, and these together."""
    told_apart = list(classes)
    codes = np.empty(len(labels))
    for position, (label, found) in enumerate(zip(labels, find_classes(labels, classes), strict=True)):
        if found is None and len(told_apart) <= len(classes) + MOST_UNKNOWN:
            told_apart.append(label)
        codes[position] = len(told_apart) - 1 if found is None else found
    return codes, tuple(told_apart)


def find_classes(labels: Sequence[Label], classes: Sequence[Label]) -> list[int | None]:
    """The position of the class that each label is; None where training did not know it.

    A label is the class of the same text, or else the only class of the same number: a file that is read on its own may
    hold 1, 1.0 or true where the one that was learned from held "1". Words are compared letter by letter.
    """
    by_text = {_text(label): place for place, label in enumerate(classes)}
    by_number: dict[float, int | None] = {}
    for place, label in enumerate(classes):
        number = _number(label)
        if number is not None:
            by_number[number] = None if number in by_number else place
    found: list[int | None] = []
    for label in labels:
        same, number = by_text.get(_text(label)), _number(label)
        found.append(by_number.get(number) if same is None and number is not None else same)
    return found


def _text(label: Label) -> str:
    return (cells.text(label) or "").strip(cells.BLANKS)


def _number(label: Label) -> float | None:
    """The number that a label spells; truth values are 1 and 0. None where it spells none that a float64 can tell."""
    text = _text(label)
    if text.lower() in cells.TRUTH:
        return cells.TRUTH[text.lower()]
    try:
        number = cells.number(text)
    except ValueError:
        return None
    return number if abs(number) < cells.LARGEST_INTEGER else None  # nor NaN: that is a word for nothing
