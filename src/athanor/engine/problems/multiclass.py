"""Multiclass classification: two or more classes, and one log-probability (up to a constant) for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.blending import weighted_mean
from athanor.engine.problems.labels import distinct_labels
from athanor.engine.problems.natural import natural_problem
from athanor.engine.problems.splits import stratified_by_class
from athanor.engine.tables.dataset import Column
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.task import Label
from athanor.errors import Impossible, InvalidInput


@dataclass(frozen=True, slots=True)
class Multiclass:
    """Several classes. A margin has one column per class, in the order of `Truth.classes`."""

    name: str = "multiclass"
    default_metric: str = "log_loss"
    targets: frozenset[Storage] = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN, Storage.STRING})

    def claims(self, column: Column, schema: ColumnSchema) -> bool:
        return natural_problem(column, schema) == self.name

    def truth(self, column: Column, schema: ColumnSchema, *, positive: Label | None = None) -> Truth:
        classes, codes = distinct_labels(column, schema)
        if len(classes) == 1:
            raise Impossible(
                f"The target {schema.name!r} is {classes[0]!r} in every row; two classes are needed to learn from."
            )
        if positive is not None:
            raise InvalidInput(
                f"A positive label belongs to a binary problem; {schema.name!r} is learned as {len(classes):,} "
                "classes. Leave it out, or choose the problem 'binary'.",
                field="positive",
            )
        if len(classes) > len(codes) // 2:
            raise Impossible(
                f"The target {schema.name!r} has {len(classes):,} distinct values in {len(codes):,} rows: nearly every "
                "row is a class of its own, so there is nothing to learn. Choose another target."
            )
        return Truth(y=codes.astype(np.float64), classes=classes)

    def n_margins(self, truth: Truth) -> int:
        return len(truth.classes)

    def baseline(self, truth: Truth) -> NDArray[np.float64]:
        """The logarithm of each class's share, kept finite for classes absent from `truth`."""
        counts = np.bincount(truth.y.astype(np.int64), weights=truth.weight, minlength=len(truth.classes))
        unseen = 1.0 / (len(truth.y) + len(truth.classes))
        return np.asarray(np.log(np.where(counts > 0.0, counts / counts.sum(), unseen)), np.float64)

    def predictions(self, margins: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:
        # One contiguous row per class: exponentials see whole rows, and sums add class by class, so that the bits of
        # a table row do not depend on how many others came with it.
        by_class = np.ascontiguousarray(margins.T, dtype=np.float64)
        exponentials = np.exp(by_class - by_class.max(axis=0))
        total = exponentials[0].copy()
        for row in exponentials[1:]:
            total += row
        return self._answer(np.ascontiguousarray((exponentials / total).T), classes)

    def blend(self, answers: list[Predictions], weights: NDArray[np.float64]) -> Predictions:
        members = [answer.probabilities for answer in answers if answer.probabilities is not None]
        return self._answer(weighted_mean(members, weights), answers[0].classes)

    def folds(self, truth: Truth, n_folds: int, seed: int) -> NDArray[np.int16]:
        return stratified_by_class(truth.y, n_folds, seed)

    @staticmethod
    def _answer(probabilities: NDArray[np.float64], classes: tuple[Label, ...]) -> Predictions:
        codes = probabilities.argmax(axis=1).astype(np.int64)
        return Predictions(classes=classes, probabilities=probabilities, codes=codes)


MULTICLASS = Multiclass()
