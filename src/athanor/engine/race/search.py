"""Who goes on, how long a fit may take, and how a run goes on that had ended. Pure functions of plan and results.

The order is breadth first: round r fits fold r of every entry that is still in the race, so that out-of-fold rows are
always common to all, and an unfinished fold destroys nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.plan import Plan
from athanor.engine.schedule import Entry, entries, trial_of

_AGAIN = ", again"  # behind the name of a trial that was begun anew


def starters(given: TrainingSet, plan: Plan) -> list[Entry]:
    """The entries that start on a training set."""
    return entries(
        given.problem.name,
        plan,
        is_sparse=given.is_sparse,
        n_rows=given.features.n_rows,
        distribution=given.task.distribution,
    )


def survivors(
    ranked: Sequence[Entry], cost_s: Mapping[str, float], *, left_s: float | None, workers: int
) -> list[Entry]:
    """The entries that go on after a round: best first, as many as the time that is left has room for.

    ranked   entries, best first
    cost_s   seconds that the folds take which a trial lacks, one after the other
    left_s   seconds left for fits; None: there is no clock, all go on
    """
    if left_s is None:
        return list(ranked)
    kept: list[Entry] = []
    room = left_s * workers
    for entry in ranked:
        cost = cost_s[entry.trial]
        if kept and cost > min(room, left_s):
            continue
        kept.append(entry)
        room -= cost
    return kept


def allowance_s(left_s: float, *, waiting: int, workers: int) -> float:
    """Seconds that the next of `waiting` fits may take, so that all of them have their turn.

    A fit that ends early leaves its time to the ones behind it.
    """
    return left_s * min(workers, waiting) / max(waiting, 1)


def fair_s(kept_s: float, *, later: float, workers: int) -> float:
    """Seconds that a first fold may take so that two entries have time for all that comes after it.

    An entry that takes longer could not be in an ensemble with any other. One that is cut earlier than that, so that
    many have their turn, is judged by a model that it would not give.

    kept_s   seconds for what comes after the first folds; the last of these may take some of it
    later    how many times as long an entry's other fits take, one after the other
    workers  fits at a time; two entries need no more than two
    """
    return kept_s / (later * max(1.0, 2.0 / workers) + 1.0)


def whole(starters: Sequence[Entry], records: Sequence[FoldRecord]) -> list[Entry]:
    """The starters of a continuation: each in whose place the clock cut a fold short, as another trial of its own.

    The other trial has the same configuration, and goes on from the folds that were not cut. What was cut stays as it
    is: the model that is served may be made of it.
    """
    cut = {record.trial for record in records if record.truncated}
    again: list[Entry] = []
    for entry in starters:
        turn = 0
        while trial_of(entry.family, entry.options, turn) in cut:
            turn += 1
        if turn:
            trial = trial_of(entry.family, entry.options, turn)
            entry = replace(entry, trial=trial, label=entry.label + _AGAIN, turn=turn)  # noqa: PLW2901
        again.append(entry)
    return again


def turns(entry: Entry) -> list[Entry]:
    """The trial, and those before it in whose place it was begun."""
    label = entry.label.removesuffix(_AGAIN)
    earlier = [
        replace(entry, trial=trial_of(entry.family, entry.options, turn), label=label + _AGAIN * (turn > 0), turn=turn)
        for turn in range(entry.turn)
    ]
    return [*earlier, entry]


def usable(entry: Entry, records: Sequence[FoldRecord]) -> list[FoldRecord]:
    """The folds that earlier turns of the trial finished and that this one lacks."""
    earlier = {trial_of(entry.family, entry.options, turn) for turn in range(entry.turn)}
    there = {record.fold for record in records if record.trial == entry.trial}
    found = {record.fold: record for record in records if record.trial in earlier and not record.truncated}
    return [found[fold] for fold in sorted(found.keys() - there)]
