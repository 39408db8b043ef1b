"""Metrics: pure functions of what was there and what was predicted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from athanor.engine.predictions import Predictions, Truth
from athanor.registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric's name, direction and the problems it fits.

    `score(truth, predictions)` gives the value as people quote it: rmse 0 is perfect, roc_auc 1 is. The classes of the
    truth begin with those of the predictions; labels that the model does not know may follow, with the probability 0.

    reads  the only field of the predictions (beside their classes) that the score depends on
    """

    name: str
    greater_is_better: bool
    problems: frozenset[str]
    reads: Literal["codes", "probabilities", "values"]
    score: Callable[[Truth, Predictions], float]

    @property
    def perfect(self) -> float:
        """The score of answers that are all right."""
        return 1.0 if self.greater_is_better else 0.0

    def utility(self, truth: Truth, predictions: Predictions) -> float:
        """The score turned so that greater is better; -inf where it is not defined."""
        value = self.score(truth, predictions)
        if value != value:  # NaN: undefined on these rows  # noqa: PLR0124
            return float("-inf")
        return value if self.greater_is_better else -value


_PLACE = "athanor.engine.metrics."
METRICS: Registry[Metric] = Registry(
    "metric",
    {
        "accuracy": _PLACE + "classification:ACCURACY",
        "balanced_accuracy": _PLACE + "classification:BALANCED_ACCURACY",
        "f1": _PLACE + "classification:F1",
        "f1_macro": _PLACE + "classification:F1_MACRO",
        "f1_micro": _PLACE + "classification:F1_MICRO",
        "precision": _PLACE + "classification:PRECISION",
        "precision_macro": _PLACE + "classification:PRECISION_MACRO",
        "precision_micro": _PLACE + "classification:PRECISION_MICRO",
        "recall": _PLACE + "classification:RECALL",
        "recall_macro": _PLACE + "classification:RECALL_MACRO",
        "recall_micro": _PLACE + "classification:RECALL_MICRO",
        "mcc": _PLACE + "classification:MCC",
        "roc_auc": _PLACE + "probability:ROC_AUC",
        "average_precision": _PLACE + "probability:AVERAGE_PRECISION",
        "log_loss": _PLACE + "probability:LOG_LOSS",
        "rmse": _PLACE + "regression:RMSE",
        "mse": _PLACE + "regression:MSE",
        "mae": _PLACE + "regression:MAE",
        "r2": _PLACE + "regression:R2",
        "mape": _PLACE + "regression:MAPE",
        "rmsle": _PLACE + "regression:RMSLE",
    },
)
