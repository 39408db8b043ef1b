"""The race of a run: rounds of fits, a barrier after each, and from the first fit on a usable model on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from athanor.engine.budget import Budget
from athanor.engine.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.crossfit import FoldFit, fewer_rows
from athanor.engine.ensemble import Weights, alone
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
from athanor.engine.leaderboard import write_leaderboard
from athanor.engine.model_files import read_head
from athanor.engine.plan import Plan
from athanor.engine.pool import LATE, OUT_OF_MEMORY, Outcome, Pool
from athanor.engine.predictor import write_predictor
from athanor.engine.scores import write_scores
from athanor.engine.search import Entry, allowance_s, entries, survivors
from athanor.engine.standings import Standings
from athanor.engine.training_set import TrainingSet
from athanor.errors import Impossible

FIRST_ROUND = 0.35  # share of the time in which every entry has its first fold
SLACK = 1.3  # a later fold may take this much longer than the first one did
GRACE_S = 0.3  # for fits that were asked to return what they have
FIRST_S = 1.5  # at least, for the very first one: without it there is no model at all
TRIES = 3  # of a fold whose process was lost
TOLD_S = 0.5  # progress is told twice a second


@dataclass(slots=True)
class Race:
    """One run's fits. `run` is called once."""

    given: TrainingSet
    plan: Plan
    clock: Budget
    pool: Pool
    checkpoints: CheckpointStore
    tell: Listener
    _standings: Standings = field(init=False)
    _workers: int = field(init=False)
    _failed: dict[str, str] = field(default_factory=dict, init=False)
    _lost: dict[tuple[str, int], int] = field(default_factory=dict, init=False)
    _incumbent: Weights | None = field(default=None, init=False)
    _on_disk: Weights | None = field(default=None, init=False)  # what an earlier attempt left
    _saved: tuple[Mapping[str, float], int] | None = field(default=None, init=False)  # shares and number of folds
    _barrier_s: float = field(default=0.1, init=False)  # what the longest one took
    _has_news: bool = field(default=False, init=False)  # a fold was fitted since the last barrier
    _is_abandoned: bool = field(default=False, init=False)  # fits did not come back when they were called in
    _started: float = field(init=False)
    _told: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        is_sparse = any(getattr(column, "is_sparse", False) for column in self.given.features.columns.values())
        found = entries(self.given.problem.name, self.plan, is_sparse=is_sparse)
        self._standings = Standings(self.given, self.checkpoints, {entry.trial: entry for entry in found})
        self._workers = self.pool.size
        self._started = self.clock.clock()

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
        if self._incumbent is None:  # nothing new could be fitted: what an earlier attempt finished decides
            self._barrier(None, runners)
        if self._incumbent is None:
            raise Impossible(self._why_nothing())
        self._tell_progress("finished", fraction=1.0)
        if self.clock.finishing:
            return "finish requested"
        if not self.clock.is_timed:
            return "schedule complete"
        is_complete = bool(runners) and all(self._standings.is_complete(entry.trial) for entry in runners)
        return "schedule complete" if is_complete else "time limit"

    def leaderboard(self) -> tuple[LeaderboardRow, ...]:
        """Every trial that has a fold, and the ensemble; what is served stands on top."""
        return self._standings.leaderboard(self._incumbent)

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
            self._tell_progress(f"fold {fold + 1} of {self.given.n_folds}")

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
            self.tell(Warned(message=f"Memory is at its limit: going on with {self._workers} fits at a time."))
            return [order]
        self._lost[key] = self._lost.get(key, 0) + 1
        if self._lost[key] >= TRIES:
            self._give_up(order.trial, f"its process was lost {TRIES} times, last by {lost}")
            return []
        if lost != OUT_OF_MEMORY:
            self.tell(Warned(message=f"{label}: the process of fold {order.fold + 1} ended ({lost}); trying again."))
            return [order]
        self.tell(Warned(message=f"{label}: memory is at its limit; trying with half of the rows."))
        return [fewer_rows(order, int((self.given.folds != order.fold).sum()))]

    def _give_up(self, trial: str, reason: str) -> None:
        entry = self._standings.entries[trial]
        self._failed[trial] = reason
        self.tell(TrialFailed(trial=entry.trial, family=entry.family, label=entry.label, reason=reason))

    def _take(self, record: FoldRecord) -> None:
        """A fold was fitted."""
        if not self._standings.records:
            self.tell(FeaturesMade(n_features=record.n_features))
        self._standings.records[record.trial, record.fold] = record
        self._has_news = True
        self._tell_fold(record, restored=False)
        if self._standings.is_complete(record.trial):
            row = self._standings.row(self._standings.entries[record.trial])
            score = float("nan") if row.score is None else row.score
            self.tell(TrialFinished(trial=row.trial, family=row.family, label=row.name, score=score, fit_s=row.fit_s))
        if self._saved is None:
            self._save_first(self._standings.entries[record.trial])

    def _restore(self) -> None:
        """Take up what an earlier attempt finished."""
        for record in self.checkpoints.finished():
            if record.trial in self._standings.entries:
                self._standings.records[record.trial, record.fold] = record
                self._tell_fold(record, restored=True)
        folder = self.checkpoints.incumbent()
        if folder is None:
            return
        head = read_head(folder)
        members = head["members"]
        shares = {member["trial"]: member["share"] for member in members}
        if all(self._standings.n_finished(trial) for trial in shares):
            self._on_disk = Weights(shares=shares, score=float("nan") if head["score"] is None else head["score"])
            self._saved = (shares, sum(len(member["folds"]) for member in members))

    def _is_sound(self, trial: str) -> bool:
        return trial not in self._failed and self._standings.n_finished(trial) > 0

    def _survivors(self, runners: Sequence[Entry], *, rounds_left: int) -> list[Entry]:
        """Who goes on. Members of the model on disk do: a model whose members stop can never be compared again."""
        members = {trial for weights in self._rivals() for trial in weights.shares}
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

    # --- the incumbent ------------------------------------------------------------------------------------------------

    def _barrier(self, cap: int | None, runners: Sequence[Entry]) -> None:
        """Weigh the runners anew by their first `cap` folds; save the model where it is better, or has more folds.

        The incumbent stays where it is better than the newcomer on the rows that both did not see.
        """
        started = self.clock.clock()
        chosen = self._standings.weigh(
            [entry.trial for entry in runners],
            cap=cap,
            ensemble=self.plan.ensemble,
            seed=self.plan.seed,
            clock=Budget(self.clock.deadline - self._barrier_s - GRACE_S, self.clock.clock),
        )
        if chosen is None:
            return
        for rival in self._rivals():
            # The model on disk was weighed on all the folds it has, whatever round this attempt has come to.
            seen = None if rival is self._on_disk else cap
            n_folds = self._standings.n_common({**rival.shares, **chosen.shares}, cap=seen)
            if self._standings.utility(chosen.shares, n_folds) < self._standings.utility(rival.shares, n_folds):
                chosen = rival
        n_folds = sum(self._standings.n_finished(trial) for trial in chosen.shares)
        if any(chosen is rival for rival in self._rivals()) and self._saved != (chosen.shares, n_folds):
            chosen = self._standings.scored_anew(chosen)  # its members have more folds than when it was weighed
        self._incumbent = chosen
        if self._saved is None or (self._has_news and self._saved != (chosen.shares, n_folds)):
            self._save(chosen, n_folds)
        if self._has_news and self._on_disk is not None and self._is_weighed(self._on_disk, cap):
            self._on_disk = None
        self._has_news = False
        self.tell(LeaderboardChanged(rows=self.leaderboard()))
        self._barrier_s = max(self._barrier_s, self.clock.clock() - started)

    def _is_weighed(self, weights: Weights, cap: int | None) -> bool:
        return cap is None or self._standings.n_common(weights.shares) <= cap

    def _save_first(self, entry: Entry) -> None:
        """From now on there is a model, whatever it is worth. It is no rival: which fold ends first is chance."""
        self._save(alone(entry.trial), 1)

    def _rivals(self) -> list[Weights]:
        """Models that a newcomer must not be worse than. One with a member that was given up can never be whole."""
        found = [weights for weights in (self._on_disk, self._incumbent) if weights is not None]
        return [weights for weights in found if not self._failed.keys() & weights.shares.keys()]

    def _save(self, chosen: Weights, n_folds: int) -> None:
        score = self._standings.score(chosen)
        records = [record for record in self._standings.records.values() if record.trial in chosen.shares]
        with self.checkpoints.new_incumbent() as folder:
            write_predictor(
                folder,
                self.checkpoints,
                task=self.given.task,
                schema=self.given.features.schema,
                classes=self.given.truth.classes,
                score=score,
                shares=chosen.shares,
                records=records,
            )
            write_leaderboard(folder, self._standings.leaderboard(chosen))
            write_scores(folder, self._standings.all_scores(chosen, seed=self.plan.seed))
        self._saved = (chosen.shares, n_folds)
        elapsed_s = self.clock.clock() - self._started
        self.tell(
            IncumbentChanged(
                score=float("nan") if score is None else score,
                members=len(chosen.shares),
                folds=self._standings.n_common(chosen.shares),
                n_folds=self.given.n_folds,
                elapsed_s=elapsed_s,
            )
        )

    # --- the clock ----------------------------------------------------------------------------------------------------

    def _fits_left_s(self) -> float:
        """Seconds until fits must be back: selecting, saving and ending have their share."""
        limit_s = self.plan.time_limit_s or 0.0
        return self.clock.left_s() - max(0.4, 0.015 * limit_s) - GRACE_S - 1.5 * self._barrier_s

    def _tell_fold(self, record: FoldRecord, *, restored: bool) -> None:
        self.tell(
            FoldFinished(
                trial=record.trial,
                family=record.family,
                label=self._standings.entries[record.trial].label,
                fold=record.fold,
                n_folds=self.given.n_folds,
                score=float("nan") if record.score is None else record.score,
                fit_s=record.fit_s,
                restored=restored,
            )
        )

    def _tell_progress(self, doing: str, *, fraction: float | None = None) -> None:
        now = self.clock.clock()
        if fraction is None and now - self._told < TOLD_S:
            return
        self._told = now
        elapsed_s, left_s = now - self._started, max(self.clock.left_s(), 0.0)
        by_fits = len(self._standings.records) / (len(self._standings.entries) * self.given.n_folds)
        by_clock = elapsed_s / (elapsed_s + left_s + 1e-9) if self.clock.is_timed else 0.0
        self.tell(
            Progressed(
                fraction=min(max(by_fits, by_clock), 0.99) if fraction is None else fraction,
                elapsed_s=elapsed_s,
                left_s=left_s if self.clock.is_timed else None,
                doing=doing,
            )
        )

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
