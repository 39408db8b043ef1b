"""How sure a model's answers are: what was learned about them from its answers to rows that it did not see.

Probabilities are calibrated, then labels decided, then intervals or sets put around the answers: in this order when the
tables are found, and in this order when the model answers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from athanor.engine.calibration import Calibration, fit_calibration
from athanor.engine.conformal import (
    Conformal,
    Intervals,
    checked_level,
    fit_intervals,
    fit_sets,
    load_conformal,
    save_conformal,
)
from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.threshold import Threshold, fit_threshold, with_threshold
from athanor.engine.uncertainty import Uncertainty, uncertainty
from athanor.errors import InvalidInput

FOLDER = "certainty"  # of a model's folder
FILE = "certainty.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What is done to a model's answers before anybody sees them, and how good they are then.

    score  of the metric, for answers as they are served; None where it is undefined on the rows that were not seen
    """

    calibration: Calibration | None = None
    threshold: Threshold | None = None
    conformal: Conformal | None = None
    score: float | None = None
    uncertainty: Uncertainty | None = None

    def apply(self, answers: Predictions, *, level: float | None = None, threshold: float | None = None) -> Predictions:
        """The answers as they are served; with a level in (0, 1) also intervals or sets that hold the truth so often.

        threshold  probability above which the last of two classes is answered; None: the one that was found, or 0.5

        Raises InvalidInput where one of them is none, or the model was learned from too few rows to tell.
        """
        if self.calibration is not None:
            answers = self.calibration.apply(answers)
        if threshold is not None:
            answers = with_threshold(answers, threshold)
        elif self.threshold is not None:
            answers = self.threshold.apply(answers)
        if level is None:
            return answers
        checked_level(level)
        if self.conformal is None:
            raise InvalidInput(
                "This model cannot say how far off it may be: it was learned from too few rows, or by a version of "
                "Athanor that did not find out. Leave the level out.",
                field="level",
            )
        if isinstance(self.conformal, Intervals):
            lower, upper = self.conformal.interval(answers, level)
            return replace(answers, lower=lower, upper=upper)
        return replace(answers, sets=self.conformal.sets(answers, level))

    def save(self, folder: Path) -> None:
        """Write it into a new folder."""
        folder.mkdir(parents=True)
        head = {
            "calibration": None if self.calibration is None else self.calibration.to_json(),
            "threshold": None if self.threshold is None else asdict(self.threshold),
            "has_quantiles": self.conformal is not None,
            "score": self.score,
            "uncertainty": None if self.uncertainty is None else asdict(self.uncertainty),
        }
        (folder / FILE).write_text(json.dumps(head, indent=1, allow_nan=False))
        if self.conformal is not None:
            save_conformal(self.conformal, folder)

    @classmethod
    def load(cls, folder: Path) -> Certainty:
        """What `save` wrote. Raises InvalidInput."""
        try:
            head = json.loads((folder / FILE).read_text())
            threshold, found = head["threshold"], head["uncertainty"]
            return cls(
                calibration=None if head["calibration"] is None else Calibration.from_json(head["calibration"]),
                threshold=None if threshold is None else Threshold(**threshold),
                conformal=load_conformal(folder) if head["has_quantiles"] else None,
                score=head["score"],
                uncertainty=None if found is None else Uncertainty(**found),
            )
        except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
            raise InvalidInput(f"{folder} does not hold what Athanor wrote of a model's certainty.") from error


def find_certainty(answers: Predictions, truth: Truth, metric: Metric, *, score: float | None, seed: int) -> Certainty:
    """What out-of-fold answers tell about a model that answers like them.

    score  of the answers as they are, on rows that nothing about the model was chosen by; None where undefined
    """
    calibration = None if answers.probabilities is None else fit_calibration(answers, truth, seed=seed)
    served = answers if calibration is None else calibration.apply(answers)
    threshold = fit_threshold(served, truth, metric, seed=seed)
    if score is not None:
        # One to three numbers, found on all these rows, flatter a score by less than it is uncertain. A threshold for
        # few positive rows does not: its gain was measured on rows that it was not chosen by.
        score += 0.0 if calibration is None else metric.score(truth, served) - metric.score(truth, answers)
        if threshold is not None:
            score += threshold.gain if metric.greater_is_better else -threshold.gain
    served = served if threshold is None else threshold.apply(served)
    fit = fit_intervals if served.probabilities is None else fit_sets
    return Certainty(
        calibration=calibration,
        threshold=threshold,
        conformal=fit(served, truth, seed=seed),
        score=score,
        uncertainty=None if score is None else uncertainty(metric, truth, served, score=score, seed=seed),
    )
