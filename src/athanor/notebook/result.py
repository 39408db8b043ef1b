"""What came of a training in a notebook: the model, how good it is, and the way on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.engine.profile_page.html import element
from athanor.notebook.html import block, dim
from athanor.notebook.listing import Listing, leaderboard_listing
from athanor.quantities import spell_score

if TYPE_CHECKING:
    from athanor.engine import learn as engine
    from athanor.notebook.predictor import Predictor
    from athanor.notebook.progress import Progress


@dataclass(frozen=True)
class Result:
    """What came of a run. `score` and `scores` are of rows that the models did not see.

    score   out-of-fold
    scores  of every metric that is defined: on the validation rows where some were given, else out-of-fold
    """

    run: engine.Result = field(repr=False)
    progress: Progress = field(default=True, repr=False)

    @cached_property
    def predictor(self) -> Predictor:
        """The model, loaded when it is asked for first."""
        from athanor.notebook.predictor import Predictor

        return Predictor(self.run.predictor)

    @cached_property
    def leaderboard(self) -> Listing:
        """The trials, best first; the first one is what the predictor answers with."""
        return leaderboard_listing(self.run.leaderboard)

    @property
    def score(self) -> float:
        return self.run.score

    @property
    def metric(self) -> str:
        return self.run.metric

    @property
    def scores(self) -> Mapping[str, float]:
        """The score of every metric that is defined."""
        return self.run.scores

    @property
    def reason(self) -> str:
        """Why the run ended."""
        return self.run.reason

    @property
    def folder(self) -> Path:
        """Where the model stands. Of a run without a folder it is gone with this result, unless it is saved."""
        return self.run.folder

    def continue_(
        self, *, time_limit: float | str | None = None, more_trials: int | None = None, progress: Progress | None = None
    ) -> Result:
        """What comes of this run with more time (seconds, or "5m"), more trials, or both. No fold is fitted twice.

        The model is replaced only by one that is better on rows that both did not see; this result stays as it is.
        An interrupt ends it with the best model so far. Raises InvalidInput where neither is given.
        """
        from athanor.notebook.learn import continued

        shown = self.progress if progress is None else progress
        return Result(continued(self.run, time_limit=time_limit, more_trials=more_trials, progress=shown), shown)

    def save(self, place: str | os.PathLike[str]) -> None:
        """Write the model into a folder, which must be new or empty; or as one file, if the name ends in .athanor."""
        self.predictor.save(place)

    def __repr__(self) -> str:
        validated = f"{self._validated()}\n" if self._n_validated else ""
        return f"<Result: {self._told()}>\n{validated}{self.leaderboard!r}"

    def _repr_html_(self) -> str:
        also = self._validated() if self._n_validated else self._also()
        return block(element("div", self._told()), element("div", dim(also)) if also else None, self.leaderboard.html())

    def _told(self) -> str:
        from athanor.engine.race.standings import ENSEMBLE

        n_trials = sum(row.trial != ENSEMBLE for row in self.run.leaderboard)
        trials = "1 trial" if n_trials == 1 else f"{n_trials:,} trials"
        return f"{self.metric} {spell_score(self.score)}, {trials}, ended: {self.reason}"

    @property
    def _n_validated(self) -> int:
        """Validation rows that `scores` were measured on; 0 where they are out-of-fold."""
        from athanor.engine.scores import MeasuredOn, read_scores

        found = read_scores(self.folder)
        return found.n_rows if found is not None and found.measured_on is MeasuredOn.VALIDATION else 0

    def _validated(self) -> str:
        """Another measurement than `score`, so that the metric of the run is told once more."""
        names = dict.fromkeys([self.metric, *self.scores])
        told = [f"{name} {spell_score(self.scores[name])}" for name in names if name in self.scores]
        return f"On {self._n_validated:,} validation rows: {', '.join(told)}"

    def _also(self) -> str:
        return ", ".join(f"{name} {spell_score(score)}" for name, score in self.scores.items() if name != self.metric)
