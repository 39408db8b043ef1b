"""Binary classification: two classes, and the log-odds of the last one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.blending import weighted_mean
from athanor.engine.problems.labels import distinct_labels, find_label
from athanor.engine.problems.natural import natural_problem
from athanor.engine.problems.splits import stratified_by_class
from athanor.engine.tables.dataset import Column
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.task import Label
from athanor.errors import Impossible, InvalidInput


@dataclass(frozen=True, slots=True)
class Binary:
    """Two classes. A margin is one column: the log-odds of the last (positive) class."""

    name: str = "binary"
    default_metric: str = "roc_auc"
    targets: frozenset[Storage] = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN, Storage.STRING})

    def claims(self, column: Column, schema: ColumnSchema) -> bool:
        return natural_problem(column, schema) == self.name

    def truth(self, column: Column, schema: ColumnSchema, *, positive: Label | None = None) -> Truth:
        """Labels in sort order; `positive` moves to the end."""
        classes, codes = distinct_labels(column, schema)
        if len(classes) == 1:
            raise Impossible(
                f"The target {schema.name!r} is {classes[0]!r} in every row; two classes are needed to learn from."
            )
        if len(classes) > 2:
            raise InvalidInput(
                f"The target {schema.name!r} has {len(classes):,} distinct values; a binary problem has two. "
                "Use the problem 'multiclass' or 'regression'.",
                field="problem",
            )
        if positive is not None and find_label(positive, classes, schema) == 0:
            classes, codes = classes[::-1], 1 - codes
        return Truth(y=codes.astype(np.float64), classes=classes)

    def n_margins(self, truth: Truth) -> int:  # noqa: ARG002
        return 1

    def baseline(self, truth: Truth) -> NDArray[np.float64]:
        """The log-odds of the positive share, kept finite where one class is absent from `truth`."""
        least = 1.0 / (len(truth.y) + 2.0)
        share = min(max(float(np.average(truth.y, weights=truth.weight)), least), 1.0 - least)
        return np.array([np.log(share / (1.0 - share))])

    def predictions(self, margins: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:
        log_odds = np.ascontiguousarray(margins[:, 0], dtype=np.float64)
        odds_against = np.exp(-np.abs(log_odds))  # at most 1: cannot overflow
        likely, unlikely = 1.0 / (1.0 + odds_against), odds_against / (1.0 + odds_against)
        is_positive = log_odds >= 0.0
        columns = (np.where(is_positive, unlikely, likely), np.where(is_positive, likely, unlikely))
        return self._answer(np.stack(columns, axis=1), classes)

    def blend(self, answers: list[Predictions], weights: NDArray[np.float64]) -> Predictions:
        members = [answer.probabilities for answer in answers if answer.probabilities is not None]
        return self._answer(weighted_mean(members, weights), answers[0].classes)

    def folds(self, truth: Truth, n_folds: int, seed: int) -> NDArray[np.int16]:
        return stratified_by_class(truth.y, n_folds, seed)

    @staticmethod
    def _answer(probabilities: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:
        codes = (probabilities[:, 1] > probabilities[:, 0]).astype(np.int64)
        return Predictions(classes=classes, probabilities=probabilities, codes=codes)


BINARY = Binary()
