"""Scores of a finished model on rows that were given for that: on as many of them as there is time for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from athanor.engine.budget import Budget
from athanor.engine.evaluation import all_scores, truth_in
from athanor.engine.events import Listener, Warned
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.scores import MeasuredOn, Scores
from athanor.engine.serving.predictor import Predictor
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset
from athanor.errors import Impossible, InvalidInput

SHARE, LEAST_S, MOST_S, LARGEST_SHARE = 0.1, 2.0, 60.0, 1 / 3  # of the time that is left, kept back for scoring
FINISH_S = 2.0  # for scoring where somebody asked to finish now
FIRST_ROWS, MOST_ROWS, GROWTH = 200, 50_000, 4  # predicted at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSet:
    """Rows with a known target, in the columns and the numbers of training."""

    features: Dataset
    truth: Truth


def make_validation_set(dataset: Dataset, given: TrainingSet) -> ValidationSet:
    """Check the rows against what is learned, before anything is.

    Raises InvalidInput where they do not have what training has, Impossible where none of them has a target.
    """
    task = given.task
    if task.target not in dataset.schema:
        raise InvalidInput(f"The validation data have no column {task.target!r}, which is to be predicted.")
    rows, truth = truth_in(dataset, task, given.truth.classes)
    if not len(rows):
        raise Impossible(f"The column {task.target!r} of the validation data has no values.")
    names = [name for name in given.features.schema.names if name in dataset.schema]
    if not names:
        raise InvalidInput("The validation data have none of the columns that are learned from.")
    features = conform(dataset.select(names), given.features.schema)
    return ValidationSet(features=features if len(rows) == features.n_rows else features.take(rows), truth=truth)


def kept_back_s(clock: Budget) -> float:
    """Seconds that training leaves for loading the model and predicting."""
    left_s = clock.left_s()
    return min(max(SHARE * left_s, LEAST_S), MOST_S, LARGEST_SHARE * max(left_s, 0.0)) if clock.is_timed else 0.0


def validate(folder: Path, given: ValidationSet, *, clock: Budget, seed: int, tell: Listener) -> Scores | None:
    """The scores of the model in `folder` on rows drawn evenly until the time is over; None where it is at once."""
    n_rows, begun = given.features.n_rows, clock.clock()
    order = np.random.default_rng(seed).permutation(n_rows)
    parts: list[Predictions] = []
    done, size, predictor = 0, FIRST_ROWS if clock.is_timed else MOST_ROWS, None
    while done < n_rows and _left_s(clock, begun) > 0:
        predictor = predictor or Predictor.load(folder)
        started = clock.clock()
        rows = order[done : done + size]
        parts.append(predictor.predict(given.features.take(rows)))
        done += len(rows)
        pace = (clock.clock() - started) / len(rows)
        if clock.is_timed:  # half of what is left at most: the next ones may be slower
            size = max(int(min(GROWTH * size, MOST_ROWS, 0.5 * _left_s(clock, begun) / max(pace, 1e-9))), 1)
    if predictor is None:
        tell(Warned(message="The time was over before the validation data were scored: the scores are out-of-fold."))
        return None
    if done < n_rows:
        tell(Warned(message=f"Scored on {done:,} of {n_rows:,} validation rows, drawn evenly: the time was over."))
    scores = all_scores(predictor.problem, given.truth.take(order[:done]), Predictions.join(parts))
    return Scores(measured_on=MeasuredOn.VALIDATION, n_rows=done, by_metric=scores)


def _left_s(clock: Budget, begun: float) -> float:
    now = clock.clock()
    left_s = clock.deadline - now
    return min(left_s, begun + FINISH_S - now) if clock.finishing else left_s
