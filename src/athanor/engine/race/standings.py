"""What is known of a run's trials: their finished folds, and how good any blend of them is on rows they did not see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from athanor.engine.certainty import Certainty, find_certainty
from athanor.engine.certainty.uncertainty import standard_error
from athanor.engine.evaluation import all_scores
from athanor.engine.events import LeaderboardRow
from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.leaderboard import rank
from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.blending import blend
from athanor.engine.race.ensemble import MAX_MEMBERS, Clock, Weights, alone, best_single, select_weights
from athanor.engine.schedule import Entry
from athanor.engine.scores import MeasuredOn, Scores

ENSEMBLE = "ensemble"
# Rows that are scored by every metric: each save waits for it, and some metrics take all classes in turn.
SCORED_ROWS, SCORED_CELLS, LEAST_SCORED_ROWS = 200_000, 2_000_000, 5_000


@dataclass(slots=True)
class Standings:
    """Records of finished folds by (trial, fold). Folds of a trial count from the first one on, without a gap.

    A model of all rows stands behind the folds, as number `n_folds`: it was validated on no row, so it has no score.
    """

    given: TrainingSet
    checkpoints: CheckpointStore
    entries: Mapping[str, Entry]
    is_refitted: bool = False  # models of all rows are served
    max_members: int = MAX_MEMBERS  # of an ensemble
    seed: int = 0  # of samples of rows
    records: dict[tuple[str, int], FoldRecord] = field(default_factory=dict)
    _answers: dict[tuple[str, int], Predictions] = field(default_factory=dict)
    _errors: dict[str, float | None] = field(default_factory=dict)  # of the scores of complete trials
    _certain: tuple[object, Certainty] | None = None  # of what was asked for last

    @property
    def n_folds(self) -> int:
        return self.given.n_folds

    def n_finished(self, trial: str, *, cap: int | None = None) -> int:
        """Finished folds of a trial, at most `cap`."""
        folds = 0
        most = self.n_folds if cap is None else min(cap, self.n_folds)
        while folds < most and (trial, folds) in self.records:
            folds += 1
        return folds

    def served(self, trial: str) -> list[FoldRecord]:
        """What answers for a trial: its fold models, or in their place the one of all rows, if it was fitted whole.

        One that the clock cut short, or that memory had no room for all rows of, may be worse than the bag of the fold
        models, and nothing would tell.
        """
        folds = [self.records[trial, fold] for fold in range(self.n_finished(trial))]
        of_all_rows = self.records.get((trial, self.n_folds))
        if of_all_rows is None or of_all_rows.truncated or not self.is_refitted:
            return folds
        return folds if of_all_rows.n_rows < folds[0].n_rows else [of_all_rows]

    def n_common(self, shares: Mapping[str, float], *, cap: int | None = None) -> int:
        """Folds that all members have."""
        return min(self.n_finished(trial, cap=cap) for trial in shares)

    def is_complete(self, trial: str) -> bool:
        return self.n_finished(trial) == self.given.n_folds

    def fold_s(self, trial: str) -> float:
        """Seconds that a fold of a trial takes, on average."""
        return float(np.mean([self.records[trial, fold].fit_s for fold in range(self.n_finished(trial))]))

    def utility(self, shares: Mapping[str, float], n_folds: int) -> float:
        """How good the blend is on the rows of the first folds; greater is better."""
        return self.given.metric.utility(self._truth(n_folds), self._blended(shares, n_folds))

    def score(self, served: Weights) -> float | None:
        """What to expect of a model: of a trial on all the rows it has predicted, of a blend what it was found to be.

        None where the metric is undefined on these rows.
        """
        score = served.score
        if len(served.shares) == 1:
            n_folds = self.n_common(served.shares)
            score = self.given.metric.score(self._truth(n_folds), self._blended(served.shares, n_folds))
        return None if np.isnan(score) else score

    def certainty(self, served: Weights) -> Certainty:
        """What is known of a model's answers: how they are calibrated, how far off they and the score may be."""
        n_folds, score = self.n_common(served.shares), self.score(served)
        asked = (dict(served.shares), n_folds, score)
        if self._certain is None or self._certain[0] != asked:
            answers, truth = self._blended(served.shares, n_folds), self._truth(n_folds)
            found = find_certainty(answers, truth, self.given.metric, score=score, seed=self.seed)
            self._certain = asked, found
        return self._certain[1]

    def scored_anew(self, served: Weights) -> Weights:
        """The same blend with its score on all the rows that its members have predicted by now.

        Its shares were selected on some of these rows: a little too good, and better than a score of one fold.
        """
        n_folds = self.n_common(served.shares)
        return replace(
            served, score=self.given.metric.score(self._truth(n_folds), self._blended(served.shares, n_folds))
        )

    def all_scores(self, served: Weights, *, seed: int) -> Scores:
        """Every metric of a blend's answers as they are served, on rows that its members have predicted.

        On some of them, where they are many. Its shares were selected on some of these rows, too: `score` is the more
        careful number.
        """
        n_folds = self.n_common(served.shares)
        truth, answers = self._truth(n_folds), self._blended(served.shares, n_folds)
        most = min(max(SCORED_CELLS // max(len(truth.classes), 1), LEAST_SCORED_ROWS), SCORED_ROWS)
        rows = np.arange(len(truth.y))
        if len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        truth = truth.take(rows)
        scores = self.certainty(served).scores(
            lambda some: all_scores(self.given.problem.name, truth, some), answers, rows
        )
        return Scores(measured_on=MeasuredOn.OUT_OF_FOLD, n_rows=len(truth.y), by_metric=scores)

    def weigh(
        self, trials: Iterable[str], *, cap: int | None, ensemble: bool, seed: int, clock: Clock
    ) -> Weights | None:
        """The best blend (or single one) of trials, on rows that are common to as many of them and folds as can be."""
        finished = {trial: self.n_finished(trial, cap=cap) for trial in trials}
        for key in [key for key in self._answers if key[0] not in finished]:  # of trials that are out of the race
            del self._answers[key]
        finished = {trial: folds for trial, folds in finished.items() if folds}
        if not finished:
            return None

        def worth(folds: int) -> tuple[int, int]:
            return folds * sum(have >= folds for have in finished.values()), folds

        common = max(set(finished.values()), key=worth)
        among = partial(self._weighed, finished, ensemble=ensemble, seed=seed, clock=clock)
        chosen = among(common)
        ahead = self._far_ahead(finished, chosen, common, clock)
        return chosen if ahead is None else among(finished[ahead])

    def _weighed(self, finished: Mapping[str, int], common: int, *, ensemble: bool, seed: int, clock: Clock) -> Weights:
        """The best blend (or single one) of the trials that have so many folds, on the rows of these."""
        answers = {trial: self._of(trial, common) for trial, folds in finished.items() if folds >= common}
        truth, metric = self._truth(common), self.given.metric
        if not ensemble or self.max_members == 1:
            return best_single(answers, truth, metric)
        return select_weights(
            answers,
            truth,
            problem=self.given.problem,
            metric=metric,
            seed=seed,
            clock=clock,
            max_members=self.max_members,
        )

    def _far_ahead(self, finished: Mapping[str, int], chosen: Weights, common: int, clock: Clock) -> str | None:
        """The trial with fewer folds that is better than the chosen blend by most, and by more than chance."""
        gains: dict[str, float] = {}
        for folds in sorted({n for n in finished.values() if n < common}):
            to_beat: float | None = None
            for trial in sorted(trial for trial in finished if finished[trial] == folds):
                if clock.spent():
                    break
                to_beat = self._beyond_chance(chosen, folds) if to_beat is None else to_beat
                gains[trial] = self.utility({trial: 1.0}, folds) - to_beat
        best = max(gains, key=lambda trial: gains[trial], default=None)
        return best if best is not None and gains[best] > 0 else None

    def _beyond_chance(self, chosen: Weights, n_folds: int) -> float:
        """The utility that is better than a blend's by its standard error; infinite where there are too few rows."""
        truth, answers = self._truth(n_folds), self._blended(chosen.shares, n_folds)
        error = standard_error(self.given.metric, truth, answers, seed=self.seed)
        return float("inf") if error is None else self.given.metric.utility(truth, answers) + error

    def leaderboard(self, served: Weights | None) -> tuple[LeaderboardRow, ...]:
        """Every trial that has a fold, and the ensemble; what is served stands on top."""
        rows = [self.row(entry) for entry in self.entries.values() if self.n_finished(entry.trial)]
        if served is None:
            return rank(rows, self.given.metric)
        if len(served.shares) == 1:
            trial = next(iter(served.shares))
            rows = [self._as_served(row, served) if row.trial == trial else row for row in rows]
            return rank(rows, self.given.metric, first=trial)
        members = [record for (trial, _), record in self.records.items() if trial in served.shares]
        ensemble = self._as_served(self._row("Ensemble", ENSEMBLE, ENSEMBLE, served, members), served)
        return rank([*rows, ensemble], self.given.metric, first=ENSEMBLE)

    def row(self, entry: Entry) -> LeaderboardRow:
        records = [self.records[entry.trial, fold] for fold in range(self.n_finished(entry.trial))]
        row = self._row(entry.label, entry.family, entry.trial, alone(entry.trial), records)
        return replace(row, score_error=self._error(entry.trial))

    def _as_served(self, row: LeaderboardRow, served: Weights) -> LeaderboardRow:
        """The row with the score of calibrated answers, what is known of it, and what the models that answer take."""
        certainty = self.certainty(served)
        found = certainty.uncertainty
        return replace(
            row,
            score=certainty.score,
            score_error=None if found is None else found.error,
            predict_s=sum(map(self._predict_s, served.shares)),
        )

    def _predict_s(self, trial: str) -> float:
        """Of what answers for a trial. A model of all rows has predicted nothing yet; it takes as long as a fold's."""
        each = [self.records[trial, fold].predict_s for fold in range(self.n_finished(trial))]
        return float(np.mean(each)) * len(self.served(trial))

    def _error(self, trial: str) -> float | None:
        """Of the score of a trial that has all its folds: others' scores change with the next one."""
        if not self.is_complete(trial):
            return None
        if trial not in self._errors:
            truth, answers = self._truth(self.n_folds), self._of(trial, self.n_folds)
            self._errors[trial] = standard_error(self.given.metric, truth, answers, seed=self.seed)
        return self._errors[trial]

    def _row(
        self, name: str, family: str, trial: str, weights: Weights, records: Sequence[FoldRecord]
    ) -> LeaderboardRow:
        return LeaderboardRow(
            rank=None,
            name=name,
            family=family,
            score=self.score(weights),
            fit_s=sum(record.fit_s for record in records),
            predict_s=sum(record.predict_s for record in records),
            folds=self.n_common(weights.shares),
            n_folds=self.given.n_folds,
            trial=trial,
        )

    def _truth(self, n_folds: int) -> Truth:
        return self.given.truth.take(self._rows(n_folds))

    def _rows(self, n_folds: int) -> NDArray[np.int64]:
        return np.concatenate([self.given.validated(fold) for fold in range(n_folds)])

    def _of(self, trial: str, n_folds: int) -> Predictions:
        """A trial's out-of-fold predictions for the rows of the first folds."""
        if (trial, n_folds) not in self._answers:
            margins = np.concatenate([self.checkpoints.out_of_fold(trial, fold) for fold in range(n_folds)])
            answers = self.given.problem.predictions(margins.astype(np.float64), self.given.truth.classes)
            # A barrier compares with the one before; older blocks would only fill the memory.
            for stale in [key for key in self._answers if key[0] == trial and key[1] < n_folds - 1]:
                del self._answers[stale]
            self._answers[trial, n_folds] = answers
        return self._answers[trial, n_folds]

    def _blended(self, shares: Mapping[str, float], n_folds: int) -> Predictions:
        return blend({trial: self._of(trial, n_folds) for trial in shares}, shares, self.given.problem)
