"""Folds that the clock ended too early to be of any use: which ones are, and when they may be tried again."""

from __future__ import annotations

from dataclasses import dataclass, field

from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord

SHARE = 0.5  # of the first fold's seconds: a later one that had less makes its trial's bag worse


@dataclass(slots=True)
class Stumps:
    """The stumps of a race, which are fitted anew when there is time."""

    checkpoints: CheckpointStore
    _too_short_s: dict[tuple[str, int], float] = field(default_factory=dict, init=False)  # by trial and fold

    def has(self, record: FoldRecord, first: FoldRecord | None) -> bool:
        """Whether a fold is a stump.

        first  of the trial; None: it is this one, which is a stump where it answers all rows alike
        """
        if not record.truncated:
            return False
        if first is not None:
            return record.fit_s < SHARE * first.fit_s
        answers = self.checkpoints.out_of_fold(record.trial, record.fold)
        return len(answers) > 1 and bool((answers == answers[0]).all())

    def leave_out(self, record: FoldRecord) -> None:
        """Forget the fold. Each further try wants twice the time of the one before, so that there are few."""
        self.checkpoints.drop(record)
        place = record.trial, record.fold
        self._too_short_s[place] = max(record.fit_s, 2 * self._too_short_s.get(place, 0.0))

    def may_try(self, trial: str, fold: int, left_s: float) -> bool:
        """Whether there is enough time for the fold to come to more than a stump."""
        return left_s >= 2 * self._too_short_s.get((trial, fold), 0.0)
