"""Out-of-fold answers as models give them: made with known odds, as honest or as wrong about themselves as wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems import PROBLEMS


def binary_answers(
    n_rows: int, *, said: Callable = lambda log_odds: log_odds, shift: float = -1.0, seed: int = 0, weight: bool = False
) -> tuple[Truth, Predictions]:
    """Rows with log-odds drawn around `shift`, labels by chance, and the log-odds that a model says instead."""
    rng = np.random.default_rng(seed)
    log_odds = 2.0 * rng.normal(size=n_rows) + shift
    y = (rng.random(n_rows) < 1.0 / (1.0 + np.exp(-log_odds))).astype(float)
    weights = rng.random(n_rows) + 0.1 if weight else None
    answers = PROBLEMS["binary"].predictions(said(log_odds)[:, None], ("no", "yes"))
    return Truth(y=y, classes=("no", "yes"), weight=weights), answers


def multiclass_answers(
    n_rows: int, *, n_classes: int = 4, sharpened: float = 1.0, seed: int = 0
) -> tuple[Truth, Predictions]:
    """Rows with drawn class probabilities, labels by chance, and probabilities that a model has sharpened."""
    rng = np.random.default_rng(seed)
    classes = tuple("abcdefghij"[:n_classes])
    logits = 1.5 * rng.normal(size=(n_rows, n_classes))
    chances = PROBLEMS["multiclass"].predictions(logits, classes).probabilities
    codes = (chances.cumsum(axis=1) < rng.random((n_rows, 1))).sum(axis=1).clip(0, n_classes - 1)
    answers = PROBLEMS["multiclass"].predictions(sharpened * logits, classes)
    return Truth(y=codes.astype(float), classes=classes), answers


def regression_answers(
    n_rows: int, *, spread: Callable = np.ones_like, seed: int = 0, skewed: bool = False
) -> tuple[Truth, Predictions]:
    """Predicted values from 0 to 10, and what was there: around them by chance, as far as `spread` of them says."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.0, 10.0, n_rows)
    noise = rng.exponential(size=n_rows) - 1.0 if skewed else rng.normal(size=n_rows)
    return Truth(y=values + spread(values) * noise), Predictions(values=values)


def fields(answers: Predictions) -> dict[str, np.ndarray]:
    """What is filled in."""
    names = ("probabilities", "codes", "values", "lower", "upper", "sets")
    found = {name: getattr(answers, name) for name in names}
    return {name: cells for name, cells in found.items() if cells is not None}


def draws(n_rows: int) -> list[np.ndarray]:
    """1, 7 and 1,000 rows of a table, shuffled and repeated."""
    rng = np.random.default_rng(99)
    return [rng.integers(0, n_rows, size) for size in (1, 7, 1000)]
