"""Regression: a quantity, predicted by its value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.blending import weighted_mean
from athanor.engine.problems.labels import require_finite, require_known
from athanor.engine.problems.natural import natural_problem
from athanor.engine.problems.splits import stratified_by_value
from athanor.engine.tables.dataset import Column, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.task import Label
from athanor.errors import Impossible, InvalidInput

LARGEST = 1e100  # of a target: sums of squares of many such values are numbers still


@dataclass(frozen=True, slots=True)
class Regression:
    """A quantity. A margin is one column: the value, in the target's own unit."""

    name: str = "regression"
    default_metric: str = "rmse"
    targets: frozenset[Storage] = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN})

    def claims(self, column: Column, schema: ColumnSchema) -> bool:
        return natural_problem(column, schema) == self.name

    def truth(self, column: Column, schema: ColumnSchema, *, positive: Label | None = None) -> Truth:
        if positive is not None:
            raise InvalidInput(
                f"A positive label belongs to a binary problem; {schema.name!r} is learned as a quantity. "
                "Leave it out, or choose the problem 'binary'.",
                field="positive",
            )
        if not isinstance(column, Numbers):
            raise InvalidInput(_not_numbers(column, schema), field="target")
        require_known(column, schema)
        require_finite(column, schema)
        if bool(np.all(column.values == column.values[0])):
            raise Impossible(
                f"The target {schema.name!r} is {column.values[0]:g} in every row; nothing can be learned."
            )
        largest = float(np.abs(column.values).max())
        if largest > LARGEST:
            raise Impossible(
                f"The target {schema.name!r} has values as large as {largest:.0e}, whose squares are no numbers "
                f"any more. Scale it below {LARGEST:.0e}, or predict its logarithm."
            )
        return Truth(y=column.values)

    def n_margins(self, truth: Truth) -> int:  # noqa: ARG002
        return 1

    def baseline(self, truth: Truth) -> NDArray[np.float64]:
        return np.array([np.average(truth.y, weights=truth.weight)])

    def predictions(self, margins: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:  # noqa: ARG002
        return Predictions(values=np.ascontiguousarray(margins[:, 0], dtype=np.float64))

    def blend(self, answers: list[Predictions], weights: NDArray[np.float64]) -> Predictions:
        members = [answer.values for answer in answers if answer.values is not None]
        return Predictions(values=weighted_mean(members, weights))

    def folds(self, truth: Truth, n_folds: int, seed: int) -> NDArray[np.int16]:
        return stratified_by_value(truth.y, n_folds, seed)


def _not_numbers(column: Column, schema: ColumnSchema) -> str:
    message = f"The target {schema.name!r} holds {schema.storage.value} values; a regression needs numbers."
    if isinstance(column, Words):
        for row, code in enumerate(column.codes.tolist()):
            if code >= 0 and not _is_number(column.vocabulary[code]):
                message += f" The first that is none is {column.vocabulary[code]!r} in row {row + 1}."
                break
        message += " Mark such values as missing, or choose the problem 'multiclass'."
    return message


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


REGRESSION = Regression()
