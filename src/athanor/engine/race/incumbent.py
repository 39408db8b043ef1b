"""The best model so far, on disk from the first fit on, and replaced only by one that is better on common rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan

from athanor.engine.budget import Budget
from athanor.engine.fitting.checkpoint import CheckpointStore
from athanor.engine.leaderboard import write_leaderboard
from athanor.engine.plan import Plan
from athanor.engine.race.ensemble import Weights, alone
from athanor.engine.race.reporter import Reporter
from athanor.engine.race.standings import Standings
from athanor.engine.scores import write_scores
from athanor.engine.serving.model_files import read_head
from athanor.engine.serving.predictor_files import write_predictor

_Made = tuple[Mapping[str, float], frozenset[tuple[str, int]]]  # shares, and the models by trial and fold


@dataclass(slots=True)
class Incumbent:
    """What is served if the run ends now.

    weights  of the model that was chosen last; None before the first barrier
    """

    standings: Standings
    plan: Plan
    clock: Budget
    checkpoints: CheckpointStore
    reporter: Reporter
    continues: bool = False
    weights: Weights | None = field(default=None, init=False)
    barrier_s: float = field(default=0.1, init=False)  # what the longest barrier took
    _on_disk: Weights | None = field(default=None, init=False)  # what an earlier attempt left
    _saved: _Made | None = field(default=None, init=False)
    _saved_score: float = field(default=float("nan"), init=False)  # what was told of it: scored anew, it may differ

    def restore(self) -> None:
        """Take up the model that an earlier attempt left, once its folds stand in the standings."""
        folder = self.checkpoints.incumbent()
        if folder is None:
            return
        head = read_head(folder)
        members = head["members"]
        shares = {member["trial"]: member["share"] for member in members}
        if all(self.standings.n_finished(trial) for trial in shares):
            score = head.get("weighed_score", head["score"])
            self._on_disk = Weights(shares=shares, score=float("nan") if score is None else score)
            self._saved = (shares, frozenset((each["trial"], fold) for each in members for fold in each["folds"]))
            self._saved_score = self._on_disk.score

    def save_first(self, trial: str) -> None:
        """From the first fold on there is a model, whatever it is worth. No rival: which one is first is chance."""
        if self._saved is None:
            self._save(alone(trial))

    def members(self, *, without: Collection[str]) -> set[str]:
        """The trials in models that a newcomer must not be worse than."""
        return {trial for weights in self._rivals(without) for trial in weights.shares}

    def weigh(
        self, trials: Iterable[str], *, cap: int | None, without: Collection[str], has_news: bool, kept_back_s: float
    ) -> None:
        """Weigh trials anew by their first `cap` folds; save the model where it is better, or has more folds.

        The incumbent stays where it is better than the newcomer on the rows that both did not see.

        without      trials that were given up: a model with one of them can never be whole
        has_news     folds were fitted since the last time
        kept_back_s  seconds before the deadline that are not for weighing
        """
        started = self.clock.clock()
        until = Budget(self.clock.deadline - self.barrier_s - kept_back_s, self.clock.clock)
        chosen = self.standings.weigh(trials, cap=cap, ensemble=self.plan.ensemble, seed=self.plan.seed, clock=until)
        if chosen is None:
            return
        rivals = self._rivals(without)
        gain: float | None = None
        for rival in rivals:
            # The model on disk was weighed on all the folds it has, whatever round this attempt has come to.
            seen = None if rival is self._on_disk else cap
            n_folds = self.standings.n_common({**rival.shares, **chosen.shares}, cap=seen)
            gain = self.standings.utility(chosen.shares, n_folds) - self.standings.utility(rival.shares, n_folds)
            if gain < 0:
                chosen, gain = rival, 0.0
        is_known = any(chosen is rival for rival in rivals)
        if is_known and (not self.clock.is_timed or self._saved != self._made_of(chosen)):
            chosen = self.standings.scored_anew(chosen)  # its members have more folds than when it was weighed
        self.weights = chosen
        may_replace = has_news and not self._is_kept_to_the_end
        if self._saved is None or (may_replace and not self._is_saved(chosen)):
            self._save(chosen, gain=gain)
        on_disk = self._on_disk
        if has_news and on_disk is not None and self._is_weighed(on_disk, cap) and not self._is_kept_to_the_end:
            self._on_disk = None
        self.reporter.leaderboard(self.standings.leaderboard(chosen))
        self.barrier_s = max(self.barrier_s, self.clock.clock() - started)

    def settle(self) -> None:
        """Put on disk what was chosen last, where it is not: who fitted its last models may have ended before that."""
        if self.weights is not None and not self._is_saved(self.weights):
            self._save(self.weights)

    def _made_of(self, weights: Weights) -> _Made:
        served = [record for trial in weights.shares for record in self.standings.served(trial)]
        return weights.shares, frozenset((record.trial, record.fold) for record in served)

    def _is_saved(self, chosen: Weights) -> bool:
        is_same_score = self._saved_score == chosen.score or (isnan(self._saved_score) and isnan(chosen.score))
        return self._saved == self._made_of(chosen) and is_same_score

    @property
    def _is_kept_to_the_end(self) -> bool:
        """Whether the model on disk stays until the run ends: a continuation of trials is compared with it once."""
        return self.continues and not self.clock.is_timed and not self.clock.finishing

    def _is_weighed(self, weights: Weights, cap: int | None) -> bool:
        return cap is None or self.standings.n_common(weights.shares) <= cap

    def _rivals(self, without: Collection[str]) -> list[Weights]:
        """What a newcomer must not be worse than.

        Without a clock an attempt plays every barrier again. What the attempt before it left on disk is no rival then,
        or the end would depend on where that was cut off; for the same reason a continuation has no other rival than
        what it began with.
        """
        found = [self._on_disk if self.continues else self.weights]
        if self.clock.is_timed or self.clock.finishing:
            found = [self._on_disk, self.weights]
        return [weights for weights in found if weights is not None and not weights.shares.keys() & set(without)]

    def _save(self, chosen: Weights, *, gain: float | None = None) -> None:
        given = self.standings.given
        certainty = self.standings.certainty(chosen)
        records = [record for trial in sorted(chosen.shares) for record in self.standings.served(trial)]
        with self.checkpoints.new_incumbent() as folder:
            write_predictor(
                folder,
                self.checkpoints,
                task=given.task,
                schema=given.features.schema,
                classes=given.truth.classes,
                score=self.standings.score(chosen),
                shares=chosen.shares,
                records=records,
                certainty=certainty,
            )
            write_leaderboard(folder, self.standings.leaderboard(chosen))
            write_scores(folder, self.standings.all_scores(chosen, seed=self.plan.seed))
        self._saved, self._saved_score = self._made_of(chosen), chosen.score
        self.reporter.saved(chosen.shares, certainty.score, gain=gain)
