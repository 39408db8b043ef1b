"""What a race tells while it runs: folds, trials, models on disk, progress."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from athanor.engine.budget import Budget
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
from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.race.outlook import Step, Unfinished, outlook
from athanor.engine.race.standings import Standings
from athanor.engine.schedule import Entry

TOLD_S = 0.5  # progress is told twice a second


def not_watched() -> tuple[int, int | None]:
    return 0, None


@dataclass(slots=True)
class Reporter:
    """Puts a race's steps into events. Decides nothing.

    memory    bytes that all processes use now, and may use (0 and None: nobody watches)
    schedule  the trials that are to be fitted; None: all that are known
    """

    standings: Standings
    clock: Budget
    tell: Listener
    memory: Callable[[], tuple[int, int | None]] = not_watched
    schedule: Collection[str] | None = None
    _started: float = field(init=False)
    _told: float = field(default=0.0, init=False)
    _history: list[Step] = field(default_factory=list, init=False)
    _given_up: set[str] = field(default_factory=set, init=False)

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
                curve=record.curve,
                truncated=record.truncated,
            )
        )

    def trial(self, entry: Entry) -> None:
        """All folds of a trial are there."""
        row = self.standings.row(entry)
        score = float("nan") if row.score is None else row.score
        self.tell(TrialFinished(trial=row.trial, family=row.family, label=row.name, score=score, fit_s=row.fit_s))

    def failure(self, entry: Entry, reason: str) -> None:
        self._given_up.add(entry.trial)
        self.tell(TrialFailed(trial=entry.trial, family=entry.family, label=entry.label, reason=reason))

    def saved(self, shares: Mapping[str, float], score: float | None, *, gain: float | None = None) -> None:
        """A model is on disk, better than the one before by `gain` on the rows that both did not see."""
        if gain is not None and not math.isfinite(gain):  # the metric is undefined on these rows
            gain = None
        elapsed_s = self.clock.clock() - self._started
        self._history.append(Step(elapsed_s=elapsed_s, gain=gain))
        self.tell(
            IncumbentChanged(
                score=float("nan") if score is None else score,
                members=len(shares),
                folds=self.standings.n_common(shares),
                n_folds=self.standings.n_folds,
                elapsed_s=elapsed_s,
                gain=gain,
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
        memory_bytes, memory_limit = self.memory()
        wanted = set(self.standings.entries if self.schedule is None else self.schedule) - self._given_up
        n_fits = sum(trial in wanted for trial, _ in self.standings.records)
        by_fits = n_fits / max(len(wanted) * self.standings.n_folds, 1)
        by_clock = elapsed_s / (elapsed_s + left_s + 1e-9) if self.clock.is_timed else 0.0
        self.tell(
            Progressed(
                fraction=min(max(by_fits, by_clock), 0.99) if fraction is None else fraction,
                elapsed_s=elapsed_s,
                left_s=left_s if self.clock.is_timed else None,
                doing=doing,
                memory_bytes=memory_bytes,
                memory_limit=memory_limit,
            )
        )

    def outlook(self, entries: Iterable[Entry], *, workers: int = 1, is_perfect: bool = False) -> None:
        """What more time would buy.

        entries     of the schedule, those that dropped out for want of time among them
        workers     fits at a time
        is_perfect  no model can be better
        """
        sound = [entry for entry in entries if entry.trial not in self._given_up]
        self.tell(
            outlook(
                [found for found in map(self._unfinished, sound) if found.folds],
                self._history,
                trials=len(sound),
                elapsed_s=self.clock.clock() - self._started,
                left_s=max(self.clock.left_s(), 0.0) if self.clock.is_timed or self.clock.finishing else None,
                workers=workers,
                metric=self.standings.given.metric.name,
                is_perfect=is_perfect,
            )
        )

    def _unfinished(self, entry: Entry) -> Unfinished:
        records = {fold: self.standings.records.get((entry.trial, fold)) for fold in range(self.standings.n_folds)}
        whole = [record.fit_s for record in records.values() if record is not None and not record.truncated]
        cut = [record.fit_s for record in records.values() if record is not None and record.truncated]
        told = whole or cut
        return Unfinished(
            folds=tuple(fold for fold, record in records.items() if record is None or record.truncated),
            fold_s=sum(told) / len(told) if told else None,
            is_cut=bool(cut) and not whole,
        )
