"""The race of a run: rounds of fits, a barrier after each, and from the first fit on a usable model on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from athanor.engine.budget import Budget
from athanor.engine.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.crossfit import FoldFit, fewer_rows
from athanor.engine.events import LeaderboardRow, Listener
from athanor.engine.incumbent import Incumbent
from athanor.engine.plan import Plan
from athanor.engine.pool import LATE, OUT_OF_MEMORY, Outcome, Pool
from athanor.engine.reporter import TOLD_S, Reporter
from athanor.engine.search import Entry, allowance_s, entries, survivors
from athanor.engine.standings import Standings
from athanor.engine.training_set import TrainingSet
from athanor.errors import Impossible

FIRST_ROUND = 0.35  # share of the time in which every entry has its first fold
SLACK = 1.3  # a later fold may take this much longer than the first one did
GRACE_S = 0.3  # for fits that were asked to return what they have
FIRST_S = 1.5  # at least, for the very first one: without it there is no model at all
TRIES = 3  # of a fold whose process was lost


@dataclass(slots=True)
class Race:
    """One run's fits. `run` is called once.

    continues  the run was finished before, and goes on with what `plan` allows
    """

    given: TrainingSet
    plan: Plan
    clock: Budget
    pool: Pool
    checkpoints: CheckpointStore
    tell: Listener
    continues: bool = False
    _standings: Standings = field(init=False)
    _reporter: Reporter = field(init=False)
    _incumbent: Incumbent = field(init=False)
    _workers: int = field(init=False)
    _failed: dict[str, str] = field(default_factory=dict, init=False)
    _lost: dict[tuple[str, int], int] = field(default_factory=dict, init=False)
    _has_news: bool = field(default=False, init=False)  # a fold was fitted since the last barrier
    _is_abandoned: bool = field(default=False, init=False)  # fits did not come back when they were called in

    def __post_init__(self) -> None:
        is_sparse = any(getattr(column, "is_sparse", False) for column in self.given.features.columns.values())
        found = entries(self.given.problem.name, self.plan, is_sparse=is_sparse)
        self._standings = Standings(self.given, self.checkpoints, {entry.trial: entry for entry in found})
        self._reporter = Reporter(self._standings, self.clock, self.tell)
        self._incumbent = Incumbent(self._standings, self.plan, self.clock, self.checkpoints, self._reporter)
        self._workers = self.pool.size

    def run(self) -> str:
        """Fit until the schedule or the time ends; in words which. Raises Impossible where no model came of it."""
        self._restore()
        runners: Sequence[Entry] = list(self._standings.entries.values())
        for fold in range(self.given.n_folds):
            self._round(fold, runners)
            runners = [entry for entry in runners if self._is_sound(entry.trial)]
            is_over = self._fits_left_s() <= 0
            if not is_over:
                runners = self._survivors(runners, rounds_left=self.given.n_folds - fold - 1)
            if self._has_news or not self.clock.is_timed:
                self._barrier(fold + 1, runners)
            if is_over or not runners:
                break
        if self._incumbent.weights is None:  # nothing new could be fitted: what an earlier attempt finished decides
            self._barrier(None, runners)
        if self._incumbent.weights is None:
            raise Impossible(self._why_nothing())
        self._reporter.progress("finished", fraction=1.0)
        if self.clock.finishing:
            return "finish requested"
        if not self.clock.is_timed:
            return "schedule complete"
        is_complete = bool(runners) and all(self._standings.is_complete(entry.trial) for entry in runners)
        return "schedule complete" if is_complete else "time limit"

    def leaderboard(self) -> tuple[LeaderboardRow, ...]:
        """Every trial that has a fold, and the ensemble; what is served stands on top."""
        return self._standings.leaderboard(self._incumbent.weights)

    def _barrier(self, cap: int | None, runners: Sequence[Entry]) -> None:
        self._incumbent.weigh(
            [entry.trial for entry in runners],
            cap=cap,
            without=self._failed,
            has_news=self._has_news,
            kept_back_s=GRACE_S,
        )
        self._has_news = False

    # --- rounds -------------------------------------------------------------------------------------------------------

    def _round(self, fold: int, runners: Sequence[Entry]) -> None:
        """Fit one fold of each runner, some at a time."""
        waiting = [
            FoldFit(trial=entry.trial, family=entry.family, options=entry.options, fold=fold, seed=self.plan.seed)
            for entry in runners
            if (entry.trial, fold) not in self._standings.records
        ]
        kept_s = (1 - FIRST_ROUND) * self._fits_left_s() if fold == 0 and self.clock.is_timed else 0.0
        later = 0 if fold == 0 else len(runners) * (self.given.n_folds - fold - 1)
        under_way = 0
        while waiting or under_way:
            while waiting and under_way < self._workers and self._may_start():
                share_s = self._share_s(len(waiting) + later, kept_s) if self.clock.is_timed else None
                self.pool.submit(self._timed(waiting.pop(0), share_s))
                under_way += 1
            if not under_way:
                return
            outcomes = self.pool.wait(min(TOLD_S, max(self._fits_left_s(), 0.0)))
            if not outcomes and self._fits_left_s() <= 0:
                outcomes = self._call_in(under_way)
            under_way -= len(outcomes)
            for outcome in outcomes:
                waiting[:0] = self._note(outcome)
            self._reporter.progress(f"fold {fold + 1} of {self.given.n_folds}")

    def _share_s(self, waiting: int, kept_s: float) -> float:
        return allowance_s(max(self._fits_left_s() - kept_s, 0.0), waiting=waiting, workers=self._workers)

    def _timed(self, order: FoldFit, share_s: float | None) -> FoldFit:
        """The order with its deadline. Under a trial budget there is none: nothing may come from the clock."""
        if share_s is None:
            return order
        first = self._standings.records.get((order.trial, 0))
        wanted_s = share_s if first is None else max(share_s, SLACK * first.fit_s)
        return replace(order, deadline=self.clock.clock() + min(wanted_s, max(self._fits_left_s(), 0.0)))

    def _may_start(self) -> bool:
        """Whether there is time for another fit: always for the first one, be it cut after one step."""
        if self._fits_left_s() > 0:
            return True
        return not (self._standings.records or self.clock.finishing or self._is_abandoned)

    def _call_in(self, under_way: int) -> list[Outcome]:
        """Ask the fits under way for what they have; end those that do not answer."""
        self.pool.hurry()
        patience_s = GRACE_S if self._standings.records else max(self.clock.left_s() - GRACE_S, FIRST_S)
        until = self.clock.clock() + patience_s
        outcomes: list[Outcome] = []
        while len(outcomes) < under_way and self.clock.clock() < until:
            outcomes += self.pool.wait(until - self.clock.clock())
        late = self.pool.abandon()
        self._is_abandoned = bool(late)
        return outcomes + late

    def _note(self, outcome: Outcome) -> list[FoldFit]:
        """Take note of an outcome; the fits to try again."""
        record = outcome.record
        if record is None and outcome.lost is not None:
            record = self._kept(outcome.order)
        if record is not None:
            self._take(record)
        elif outcome.failed is not None:
            self._give_up(outcome.order.trial, outcome.failed)
        elif outcome.lost != LATE:
            return self._again(outcome.order, outcome.lost or "")
        return []

    def _kept(self, order: FoldFit) -> FoldRecord | None:
        """The fold of a process that was lost after it had kept the fold and before it could say so."""
        found = self.checkpoints.finished()
        return next((record for record in found if (record.trial, record.fold) == (order.trial, order.fold)), None)

    def _again(self, order: FoldFit, lost: str) -> list[FoldFit]:
        """What to do about a fold whose process was lost: the same again, with less where memory ran out."""
        label, key = self._standings.entries[order.trial].label, (order.trial, order.fold)
        if lost == OUT_OF_MEMORY and self._workers > 1:  # not the fold's fault: too many stood side by side
            self._workers -= 1
            self._reporter.warn(f"Memory is at its limit: going on with {self._workers} fits at a time.")
            return [order]
        self._lost[key] = self._lost.get(key, 0) + 1
        if self._lost[key] >= TRIES:
            self._give_up(order.trial, f"its process was lost {TRIES} times, last by {lost}")
            return []
        if lost != OUT_OF_MEMORY:
            self._reporter.warn(f"{label}: the process of fold {order.fold + 1} ended ({lost}); trying again.")
            return [order]
        self._reporter.warn(f"{label}: memory is at its limit; trying with half of the rows.")
        return [fewer_rows(order, int((self.given.folds != order.fold).sum()))]

    def _give_up(self, trial: str, reason: str) -> None:
        entry = self._standings.entries[trial]
        self._failed[trial] = reason
        self._reporter.failure(entry, reason)

    def _take(self, record: FoldRecord) -> None:
        """A fold was fitted."""
        if not self._standings.records:
            self._reporter.features(record.n_features)
        self._standings.records[record.trial, record.fold] = record
        self._has_news = True
        self._reporter.fold(record, restored=False)
        if self._standings.is_complete(record.trial):
            self._reporter.trial(self._standings.entries[record.trial])
        self._incumbent.save_first(record.trial)

    def _restore(self) -> None:
        """Take up what an earlier attempt finished."""
        for record in self.checkpoints.finished():
            if record.trial in self._standings.entries:
                self._standings.records[record.trial, record.fold] = record
                self._reporter.fold(record, restored=True)
        self._incumbent.restore()

    def _is_sound(self, trial: str) -> bool:
        return trial not in self._failed and self._standings.n_finished(trial) > 0

    def _survivors(self, runners: Sequence[Entry], *, rounds_left: int) -> list[Entry]:
        """Who goes on. Members of the model on disk do: a model whose members stop can never be compared again."""
        members = self._incumbent.members(without=self._failed)
        utilities = {
            entry.trial: self._standings.utility({entry.trial: 1.0}, self._standings.n_finished(entry.trial))
            for entry in runners
        }
        kept = survivors(
            sorted(runners, key=lambda entry: (entry.trial not in members, -utilities[entry.trial], entry.trial)),
            {entry.trial: self._standings.fold_s(entry.trial) for entry in runners},
            rounds_left=rounds_left,
            left_s=self._fits_left_s() if self.clock.is_timed else None,
            workers=self._workers,
        )
        return [entry for entry in runners if entry in kept]

    # --- the clock ----------------------------------------------------------------------------------------------------

    def _fits_left_s(self) -> float:
        """Seconds until fits must be back: selecting, saving and ending have their share."""
        limit_s = self.plan.time_limit_s or 0.0
        return self.clock.left_s() - max(0.4, 0.015 * limit_s) - GRACE_S - 1.5 * self._incumbent.barrier_s

    def _why_nothing(self) -> str:
        if self.clock.finishing and not self._failed:
            return "The run was asked to finish before its first model was there."
        if not self._failed:
            return "The time limit ended before the first model was finished. Give more time, or fewer rows."
        labels = self._standings.entries
        by_reason: dict[str, list[str]] = {}
        for trial, reason in self._failed.items():
            by_reason.setdefault(reason, []).append(labels[trial].label)
        reasons = " ".join(f"{', '.join(who)}: {reason}" for reason, who in by_reason.items())
        return f"No model could be fitted. {reasons}"
