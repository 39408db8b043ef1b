"""How sure a model's answers are: what was learned about them from its answers to rows that it did not see.

Probabilities are calibrated, then labels decided, then intervals or sets put around the answers: in this order when the
tables are found, and in this order when the model answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isclose
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from athanor.engine.certainty.calibration import Calibration, fit_calibration
from athanor.engine.certainty.conformal import (
    Conformal,
    Intervals,
    checked_level,
    fit_intervals,
    fit_sets,
    load_conformal,
    save_conformal,
)
from athanor.engine.certainty.threshold import Threshold, fit_threshold, with_threshold
from athanor.engine.certainty.uncertainty import Uncertainty, uncertainty
from athanor.engine.metrics import Metric
from athanor.engine.predictions import Predictions, Truth
from athanor.errors import InvalidInput

FOLDER = "certainty"  # of a model's folder
FILE = "certainty.json"
SAME = 1e-9  # scores that differ by less, relatively, differ by rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """What is done to a model's answers before anybody sees them, and how good they are then.

    score         of the metric, for answers as they are served; None where it is undefined on the rows that it was
                  found on
    cross_fitted  the answers that all this was found on, each under a map and a threshold that were found without its
                  row: to be scored. None where answers are served as they are. Not saved
    """

    calibration: Calibration | None = None
    threshold: Threshold | None = None
    conformal: Conformal | None = None
    score: float | None = None
    uncertainty: Uncertainty | None = None
    cross_fitted: Predictions | None = field(default=None, compare=False, repr=False)

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

    def scores(
        self, score: Callable[[Predictions], Mapping[str, float]], answers: Predictions, rows: NDArray[np.int64]
    ) -> dict[str, float]:
        """What to expect of answers as they are served, on some of the rows that all this was found on.

        score    metric → score, of answers for these rows
        answers  that all this was found on, for all rows
        """
        before = score(answers.take(rows))
        if self.cross_fitted is None:
            return dict(before)
        served, found = score(self.apply(answers.take(rows))), score(self.cross_fitted.take(rows))
        return {name: _unflattered(before[name], served[name], found[name]) for name in found if name in before}

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

    score  of the answers as they are; None where undefined. As good as it can be had: of a blend on rows that its
           shares were not chosen by. A single trial may have been chosen as the best on these very rows, and the shares
           of a blend that is kept and scored anew on some of them: then the score is a little too good
    """
    calibration, unseen = None, answers
    if answers.probabilities is not None:
        calibration, unseen = fit_calibration(answers, truth, seed=seed)
    served = answers if calibration is None else calibration.apply(answers)
    threshold, labels = fit_threshold(served, truth, metric, seed=seed)
    if labels is not None:
        unseen = replace(unseen, codes=labels)
    served = served if threshold is None else threshold.apply(served)
    if score is not None and unseen is not answers:
        before = metric.score(truth, answers)
        score += _unflattered(before, metric.score(truth, served), metric.score(truth, unseen)) - before
    fit = fit_intervals if served.probabilities is None else fit_sets
    return Certainty(
        calibration=calibration,
        threshold=threshold,
        conformal=fit(served, truth, seed=seed),
        score=score,
        uncertainty=None if score is None else uncertainty(metric, truth, unseen, score=score, seed=seed),
        cross_fitted=None if unseen is answers else unseen,
    )


def _unflattered(before: float, served: float, cross_fitted: float) -> float:
    """The score to expect of served answers, from those of the answers before, as they are served, and cross-fitted.

    A score that calibration does not change looks at the order of rows alone, which one map keeps. Cross-fitted answers
    are of several maps, which keep the order of their own rows only: the area under the curve of 1,000 made rows came
    out 0.0015 too small.
    """
    return before if isclose(before, served, rel_tol=SAME) else cross_fitted
