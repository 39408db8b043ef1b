"""What a race tells while it runs: folds, trials, models on disk, progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from athanor.engine.budget import Budget
from athanor.engine.checkpoint import FoldRecord
from athanor.engine.events import (
    FeaturesMade,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Listener,
    Progressed,
    TrialFailed,
    TrialFinished,
    Warned,
)
from athanor.engine.search import Entry
from athanor.engine.standings import Standings

TOLD_S = 0.5  # progress is told twice a second


@dataclass(slots=True)
class Reporter:
    """Puts a race's steps into events. Decides nothing."""

    standings: Standings
    clock: Budget
    tell: Listener
    _started: float = field(init=False)
    _told: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._started = self.clock.clock()

    def warn(self, message: str) -> None:
        self.tell(Warned(message=message))

    def features(self, n_features: int) -> None:
        self.tell(FeaturesMade(n_features=n_features))

    def fold(self, record: FoldRecord, *, restored: bool) -> None:
        self.tell(
            FoldFinished(
                trial=record.trial,
                family=record.family,
                label=self.standings.entries[record.trial].label,
                fold=record.fold,
                n_folds=self.standings.n_folds,
                score=float("nan") if record.score is None else record.score,
                fit_s=record.fit_s,
                restored=restored,
            )
        )

    def trial(self, entry: Entry) -> None:
        """All folds of a trial are there."""
        row = self.standings.row(entry)
        score = float("nan") if row.score is None else row.score
        self.tell(TrialFinished(trial=row.trial, family=row.family, label=row.name, score=score, fit_s=row.fit_s))

    def failure(self, entry: Entry, reason: str) -> None:
        self.tell(TrialFailed(trial=entry.trial, family=entry.family, label=entry.label, reason=reason))

    def saved(self, shares: Mapping[str, float], score: float | None) -> None:
        """A model is on disk."""
        self.tell(
            IncumbentChanged(
                score=float("nan") if score is None else score,
                members=len(shares),
                folds=self.standings.n_common(shares),
                n_folds=self.standings.n_folds,
                elapsed_s=self.clock.clock() - self._started,
            )
        )

    def leaderboard(self, rows: tuple[LeaderboardRow, ...]) -> None:
        self.tell(LeaderboardChanged(rows=rows))

    def progress(self, doing: str, *, fraction: float | None = None) -> None:
        """How far the race is; nothing is told so soon after the last time, unless `fraction` is given."""
        now = self.clock.clock()
        if fraction is None and now - self._told < TOLD_S:
            return
        self._told = now
        elapsed_s, left_s = now - self._started, max(self.clock.left_s(), 0.0)
        by_fits = len(self.standings.records) / (len(self.standings.entries) * self.standings.n_folds)
        by_clock = elapsed_s / (elapsed_s + left_s + 1e-9) if self.clock.is_timed else 0.0
        self.tell(
            Progressed(
                fraction=min(max(by_fits, by_clock), 0.99) if fraction is None else fraction,
                elapsed_s=elapsed_s,
                left_s=left_s if self.clock.is_timed else None,
                doing=doing,
            )
        )
