"""The race of a run: rounds of fits, a barrier after each, and from the first fit on a usable model on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from athanor.engine.budget import Budget
from athanor.engine.events import LeaderboardRow, Listener
from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.fitting.crossfit import FoldFit
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.plan import Plan
from athanor.engine.presets import PRESETS
from athanor.engine.processes.pool import LATE, Outcome, Pool
from athanor.engine.race.incumbent import Incumbent
from athanor.engine.race.reporter import TOLD_S, Reporter
from athanor.engine.race.retries import TRIES, Retries
from athanor.engine.race.search import allowance_s, fair_s, starters, survivors, turns, usable, whole
from athanor.engine.race.standings import Standings
from athanor.engine.race.stumps import Stumps
from athanor.engine.schedule import Entry
from athanor.errors import Impossible

FIRST_ROUND = 0.35  # share of the time in which entries begin
SLACK = 1.3  # a later fold may take this much longer than the first one did
REFIT_SLACK, REFIT_S = 2.0, 0.3  # a fit of all rows may take this much longer than the folds say: its view is made, too
UNUSED = 0.05  # of the limit: where more is left in the end, the reason is told
GRACE_S = 0.3  # for fits that were asked to return what they have
LATE_S, LATE_SHARE = 3.0, 0.25  # beyond its deadline, and of the limit: a fit that does not come back is ended
ENDING_S = 0.15  # after the last barrier
FIRST_S = 1.5  # beyond the limit, for the very first one


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
    _starters: Sequence[Entry] = field(init=False)
    _standings: Standings = field(init=False)
    _reporter: Reporter = field(init=False)
    _incumbent: Incumbent = field(init=False)
    _retries: Retries = field(init=False)
    _failed: dict[str, str] = field(default_factory=dict, init=False)
    _lightened: set[str] = field(default_factory=set, init=False)  # trials of which that was told
    _stumps: Stumps = field(init=False)
    _n_orders: int = field(default=0, init=False)
    _has_news: bool = field(default=False, init=False)  # a fold was fitted since the last barrier
    _is_abandoned: bool = field(default=False, init=False)  # fits did not come back when they were called in
    _is_refitting: bool = field(default=False, init=False)  # the folds are done, the members are fitted on all rows

    def __post_init__(self) -> None:
        begun = starters(self.given, self.plan)
        self._starters = whole(begun, self._of_folds()) if self.continues else begun
        known = {entry.trial: entry for entry in begun}
        if self.continues:  # what is served may be made of trials in whose place others were begun
            known = {turn.trial: turn for entry in self._starters for turn in turns(entry)}
        preset = PRESETS[self.plan.preset]
        self._standings = Standings(
            self.given,
            self.checkpoints,
            known,
            is_refitted=preset.is_refit,
            max_members=preset.max_members,
            seed=self.plan.seed,
        )
        self._reporter = Reporter(
            self._standings,
            self.clock,
            self.tell,
            memory=lambda: (self.pool.memory, self.pool.memory_limit),
            schedule=frozenset(entry.trial for entry in self._starters),
        )
        self._incumbent = Incumbent(
            self._standings, self.plan, self.clock, self.checkpoints, self._reporter, self.continues
        )
        self._retries = Retries(self.pool.size, self._reporter.warn)
        self._stumps = Stumps(self.checkpoints)

    def run(self) -> str:
        """Fit until the schedule or the time ends; in words which. Raises Impossible where no model came of it."""
        self._restore()
        self._rounds(self._starters)
        while self._goes_on():
            pass
        if self._incumbent.weights is None:  # nothing new could be fitted: what an earlier attempt finished decides
            self._barrier(None, self._sound())
        if self._incumbent.weights is None:
            raise Impossible(self._why_nothing())
        unused_s = self._fits_left_s()
        self._refit()
        self._incumbent.settle()
        self._look_ahead()
        self._reporter.progress("finished", fraction=1.0)
        return self._reason(unused_s)

    def _goes_on(self) -> bool:
        """Use the time that is left; whether anything was begun."""
        if not self.clock.is_timed or self._fits_left_s() <= 0 or self._is_perfect():
            return False
        n_before = self._n_orders
        self.pool.take_time()  # the last ones may have been called in
        if runners := self._comebacks():
            self._rounds(runners)
        elif runners := self._next_folds():
            self._round(self._standings.n_finished(runners[0].trial), runners)
            if self._has_news:
                self._barrier(None, self._sound())
        return self._n_orders > n_before

    def _rounds(self, runners: Sequence[Entry]) -> None:
        """Fold by fold of the runners, with a barrier after each; those drop out for whom there is no time."""
        is_first = self._incumbent.weights is None and not self.continues
        for fold in range(self.given.n_folds):
            self._round(fold, runners)
            runners = [entry for entry in runners if self._has_come_to(fold, entry.trial)]
            is_over = self._fits_left_s() <= 0
            if not is_over:
                runners = self._survivors(runners)
            if self._has_news or not self.clock.is_timed:
                # Those that come back are weighed beside all others, and count when they have caught up.
                self._barrier(fold + 1, runners) if is_first else self._barrier(None, self._sound())
            if is_over or not runners:
                return
            if self._is_perfect():
                members = self._incumbent.members(without=self._failed)
                runners = [entry for entry in runners if entry.trial in members]

    def _refit(self) -> None:
        """Fit the members once more, on all rows, where such models are served and there is time."""
        weights = self._incumbent.weights
        if weights is None or not self._standings.is_refitted or self.clock.finishing:
            return
        self._is_refitting = True
        self.pool.take_time()
        members = [entry for entry in self._sound() if entry.trial in weights.shares]
        self._round(self.given.n_folds, members)
        left = [entry.label for entry in members if self._standings.served(entry.trial)[0].fold != self.given.n_folds]
        if left:
            self._reporter.warn(
                f"{', '.join(left)}: not fitted once more on all rows. The models of the folds answer in its place: as "
                "well, but more slowly."
            )

    def _comebacks(self) -> list[Entry]:
        """Trials that dropped out for want of time, and for which there is some after all; else those not begun yet."""
        left_s, unfinished = self._fits_left_s(), self._unfinished()
        costs = {entry.trial: self._cost_s(entry) for entry in unfinished}
        fitting = [entry for entry in unfinished if costs[entry.trial] <= left_s]
        back = survivors(fitting, costs, left_s=left_s, workers=self.pool.size)
        return back or [entry for entry in self._starters if self._is_new(entry.trial, left_s)]

    def _next_folds(self) -> list[Entry]:
        """The best of those that cannot have all of their folds, for one more: as many as fit side by side."""
        left_s = self._fits_left_s()
        fitting = [entry for entry in self._unfinished() if self._standings.fold_s(entry.trial) <= left_s]
        folds = [self._standings.n_finished(entry.trial) for entry in fitting]
        return [entry for entry, fold in zip(fitting, folds, strict=True) if fold == folds[0]][: self.pool.size]

    def _unfinished(self) -> list[Entry]:
        """Trials that lack folds and may be given another, best first."""
        left_s = self._fits_left_s()
        able = [
            entry
            for entry in self._sound()
            if not self._standings.is_complete(entry.trial)
            and self._stumps.may_try(entry.trial, self._standings.n_finished(entry.trial), left_s)
        ]
        return sorted(able, key=lambda entry: (-self._utility(entry), entry.trial))

    def _cost_s(self, entry: Entry) -> float:
        """Seconds that the folds take which a trial lacks, one after the other.

        Where its first one was cut, the others will take all that they may.
        """
        n_left, first = (
            self.given.n_folds - self._standings.n_finished(entry.trial),
            self._standings.records[entry.trial, 0],
        )
        return n_left * (SLACK * first.fit_s if first.truncated else self._standings.fold_s(entry.trial))

    def _sound(self) -> list[Entry]:
        return [entry for entry in self._standings.entries.values() if self._is_sound(entry.trial)]

    def _utility(self, entry: Entry) -> float:
        return self._standings.utility({entry.trial: 1.0}, self._standings.n_finished(entry.trial))

    def _is_perfect(self) -> bool:
        """Whether no model can be better. Under a trial budget all trials are fitted nevertheless, as was asked."""
        weights = self._incumbent.weights
        return self.clock.is_timed and weights is not None and weights.score == self.given.metric.perfect

    def _reason(self, unused_s: float) -> str:
        if self.clock.finishing:
            return "finish requested"
        if not self.clock.is_timed:
            return "schedule complete"
        if all(self._standings.is_complete(entry.trial) or entry.trial in self._failed for entry in self._starters):
            return "schedule complete"
        if self._is_perfect() and unused_s > 0:
            return "nothing more to gain"
        return "no time for another fold" if unused_s > UNUSED * (self.plan.time_limit_s or 0.0) else "time limit"

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
        self._look_ahead()

    def _look_ahead(self) -> None:
        self._reporter.outlook(self._starters, workers=self.pool.size, is_perfect=self._is_perfect())

    # --- rounds -------------------------------------------------------------------------------------------------------

    def _round(self, fold: int, runners: Sequence[Entry]) -> None:
        """Fit one fold of each runner, some at a time."""
        waiting = [
            FoldFit(
                trial=entry.trial,
                family=entry.family,
                options=entry.options,
                fold=fold,
                seed=self.plan.seed,
                max_rows=self._retries.max_rows.get(entry.trial),
            )
            for entry in runners
            if (entry.trial, fold) not in self._standings.records
        ]
        kept_s, least_s = self._beginning() if fold == 0 and self.clock.is_timed else (0.0, 0.0)
        later = 0 if fold == 0 else len(runners) * max(self.given.n_folds - fold - 1, 0)
        under_way: dict[str, FoldFit] = {}
        while waiting or under_way:
            while waiting and self._retries.has_place(waiting[0], under_way.values()) and self._may_start(kept_s):
                share_s = max(self._share_s(len(waiting) + later, kept_s), least_s)
                order = self._retries.with_room(self._timed(waiting.pop(0), share_s), self.pool.room)
                self.pool.submit(order)
                self._n_orders += 1
                under_way[order.trial] = order
            if not under_way:
                return
            outcomes = self.pool.wait(min(TOLD_S, max(self._fits_left_s(), 0.0)))
            if not outcomes and self._fits_left_s() <= 0:
                outcomes = self._call_in(len(under_way))
            elif not outcomes:
                outcomes = self._end_late(under_way)
            for outcome in outcomes:
                del under_way[outcome.order.trial]
                waiting[:0] = self._note(outcome)
            self._reporter.progress(self._spelled(fold))

    def _share_s(self, waiting: int, kept_s: float) -> float:
        return allowance_s(max(self._fits_left_s() - kept_s, 0.0), waiting=waiting, workers=self.pool.size)

    def _timed(self, order: FoldFit, share_s: float) -> FoldFit:
        """The order with its deadline. Under a trial budget there is none: nothing may come from the clock."""
        if not self.clock.is_timed:
            return order
        first = self._standings.records.get((order.trial, 0))
        wanted_s = share_s if first is None else max(share_s, SLACK * first.fit_s)
        return replace(order, deadline=self.clock.clock() + min(wanted_s, max(self._fits_left_s(), 0.0)))

    def _beginning(self) -> tuple[float, float]:
        """Seconds that first folds leave to later fits, and that each may take though those behind it do not begin."""
        left_s, n_folds = self._fits_left_s(), self.given.n_folds
        kept_s = (1 - FIRST_ROUND) * left_s
        later = SLACK * (n_folds - 1)
        if self._standings.is_refitted:
            later += REFIT_SLACK * n_folds / (n_folds - 1)
        return kept_s, min(fair_s(kept_s, later=later, workers=self.pool.size), left_s - kept_s)

    def _may_start(self, kept_s: float) -> bool:
        """Whether there is time for another fit: always for the first one, be it cut after one step."""
        if self._fits_left_s() > kept_s:
            return True
        return not (self._standings.records or self.clock.finishing or self._is_abandoned)

    def _call_in(self, under_way: int) -> list[Outcome]:
        """Ask the fits under way for what they have; end those that do not answer."""
        self.pool.hurry()
        left_s = self.clock.left_s()
        patience_s = GRACE_S
        if not self._standings.records:  # without this one there is no model at all
            patience_s = max(left_s - GRACE_S, FIRST_S + min(left_s, 0.0), GRACE_S)
        until = self.clock.clock() + patience_s
        outcomes: list[Outcome] = []
        while len(outcomes) < under_way and self.clock.clock() < until:
            outcomes += self.pool.wait(until - self.clock.clock())
        late = self.pool.abandon()
        self._is_abandoned = bool(late)
        return outcomes + late

    def _end_late(self, under_way: Mapping[str, FoldFit]) -> list[Outcome]:
        """End the fits that are far beyond their deadlines: in them a library does not come back to be asked."""
        if not self._standings.records:
            return []
        latest = self.clock.clock() - max(LATE_S, LATE_SHARE * (self.plan.time_limit_s or 0.0))
        late = [trial for trial, order in under_way.items() if order.deadline is not None and order.deadline < latest]
        return self.pool.abandon(late) if late else []

    def _note(self, outcome: Outcome) -> list[FoldFit]:
        """Take note of an outcome; the fits to try again."""
        record, order = outcome.record, outcome.order
        if record is None and outcome.lost is not None:
            # Its process may have died after it had kept the fold and before it could say so.
            record = self.checkpoints.record(order.trial, order.fold)
        if record is None and outcome.lost == LATE:
            record = self.checkpoints.take_snapshot(order.trial, order.fold)
        if record is not None and self._is_stump(record):
            self._stumps.leave_out(record)
        elif record is not None:
            self._take(record)
        elif outcome.failed is not None:
            self._give_up(order, outcome.failed)
        elif outcome.lost != LATE:
            return self._again(order, outcome.lost or "")
        elif self._fits_left_s() > 0:  # others go on: this one would not come back the next time either
            self._give_up(order, f"its fit of {self._spelled(order.fold)} did not come back in time")
        return []

    def _again(self, order: FoldFit, lost: str) -> list[FoldFit]:
        """What to do about a fold whose process was lost."""
        label, n_rows = self._standings.entries[order.trial].label, int((self.given.folds != order.fold).sum())
        again = self._retries.again(order, lost, label=label, place=self._spelled(order.fold), n_rows=n_rows)
        if again is None:
            self._give_up(order, f"its process was lost {TRIES} times, last by {lost}")
            return []
        return [again]

    def _give_up(self, order: FoldFit, reason: str) -> None:
        entry = self._standings.entries[order.trial]
        if self._is_refitting:  # its fold models are none the worse
            self._reporter.warn(f"{entry.label} on all rows: {reason}.")
            return
        self._failed[order.trial] = reason
        self._reporter.failure(entry, reason)

    def _take(self, record: FoldRecord) -> None:
        """A fold was fitted."""
        if not self._standings.records:
            self._reporter.features(record.n_features)
        self._standings.records[record.trial, record.fold] = record
        self._has_news = True
        if record.fold < self.given.n_folds:
            self._reporter.fold(record, restored=False)
        if record.lightened and record.trial not in self._lightened:
            self._lightened.add(record.trial)
            label = self._standings.entries[record.trial].label
            self._reporter.warn(f"{label}: memory has no room for all of it. It was fitted with {record.lightened}.")
        if record.fold < self.given.n_folds and self._standings.is_complete(record.trial):
            self._reporter.trial(self._standings.entries[record.trial])
        self._incumbent.save_first(record.trial)

    def _is_stump(self, record: FoldRecord) -> bool:
        """Whether the clock ended a fit so early that no model is better off with it. The very first one is needed."""
        is_needed = not self._standings.records or record.fold == self.given.n_folds
        return not is_needed and self._stumps.has(record, self._standings.records.get((record.trial, 0)))

    def _restore(self) -> None:
        """Take up what an earlier attempt, or the run that is continued, finished."""
        records, of_folds = self.checkpoints.finished(), self._of_folds()
        for entry in self._starters:
            # A trial that goes on in the place of one that the clock cut short has its other folds already.
            for record in usable(entry, of_folds):
                records.append(self.checkpoints.adopt(record, entry.trial))
        for record in records:
            if record.trial not in self._standings.entries:
                continue
            if record.fold < self.given.n_folds:
                self._standings.records[record.trial, record.fold] = record
                self._reporter.fold(record, restored=True)
            elif record.truncated:  # it is not served; now there may be time for a whole one
                self.checkpoints.drop(record)
            else:
                self._standings.records[record.trial, record.fold] = record
        self._incumbent.restore()

    def _of_folds(self) -> list[FoldRecord]:
        return [record for record in self.checkpoints.finished() if record.fold < self.given.n_folds]

    def _spelled(self, fold: int) -> str:
        return f"fold {fold + 1} of {self.given.n_folds}" if fold < self.given.n_folds else "all rows"

    def _is_new(self, trial: str, left_s: float) -> bool:
        has_begun = trial in self._failed or (trial, 0) in self._standings.records
        return not has_begun and self._stumps.may_try(trial, 0, left_s)

    def _has_come_to(self, fold: int, trial: str) -> bool:
        return self._is_sound(trial) and self._standings.n_finished(trial) > fold

    def _is_sound(self, trial: str) -> bool:
        return trial not in self._failed and self._standings.n_finished(trial) > 0

    def _survivors(self, runners: Sequence[Entry]) -> list[Entry]:
        """Who goes on. Members of the model on disk do: a model whose members stop can never be compared again."""
        members = self._incumbent.members(without=self._failed)
        utilities = {entry.trial: self._utility(entry) for entry in runners}
        kept = survivors(
            sorted(runners, key=lambda entry: (entry.trial not in members, -utilities[entry.trial], entry.trial)),
            {entry.trial: self._cost_s(entry) for entry in runners},
            left_s=self._fits_left_s() if self.clock.is_timed else None,
            workers=self.pool.size,
        )
        return [entry for entry in runners if entry in kept]

    # --- the clock ----------------------------------------------------------------------------------------------------

    def _fits_left_s(self) -> float:
        """Seconds until fits must be back: selecting, saving and ending have their share."""
        kept_s = 0.0 if self._is_refitting else self._refits_s()
        return self.clock.left_s() - ENDING_S - GRACE_S - 1.5 * self._incumbent.barrier_s - kept_s

    def _refits_s(self) -> float:
        """Seconds that fitting the members once more on all rows will take."""
        weights, n_folds = self._incumbent.weights, self.given.n_folds
        if weights is None or not self._standings.is_refitted or not self.clock.is_timed:
            return 0.0
        lacking = [trial for trial in weights.shares if (trial, n_folds) not in self._standings.records]
        costs = [self._standings.fold_s(trial) * n_folds / (n_folds - 1) for trial in lacking]
        return REFIT_S + REFIT_SLACK * max(sum(costs) / self.pool.size, max(costs, default=0.0)) if lacking else 0.0

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
