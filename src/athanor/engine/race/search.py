"""Which trials to fit, in which order. A pure function of the plan and of results sorted by (round, entry, fold).

The order is breadth first: round r fits fold r of every entry that is still in the race, so that out-of-fold rows are
always common to all, and an unfinished fold destroys nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.models import FAMILIES, Options, is_installed
from athanor.engine.plan import Plan
from athanor.engine.presets import PRESETS
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput

_AGAIN = ", again"  # behind the name of a trial that was begun anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One configuration of a family: what a trial cross-fits."""

    trial: str  # a hash of family and options: the same configuration is the same trial, in every run
    family: str
    label: str  # "LightGBM-2"
    options: Options
    turn: int = 0  # how often the configuration was begun anew, because the clock had cut a fold short


def entries(
    problem: str,
    plan: Plan,
    *,
    is_sparse: bool,
    n_rows: int | None = None,
    distribution: TargetDistribution | None = None,
) -> list[Entry]:
    """The race's starters, in the order in which they pay: by the places that the families gave to them.

    n_rows  of the table; None: not known yet, nobody is left out for it
    """
    allowed = [
        FAMILIES[name]
        for name in FAMILIES.names()
        if name not in plan.excluded_families
        and problem in FAMILIES[name].problems
        and (FAMILIES[name].takes_sparse or not is_sparse)
    ]
    if not allowed:
        raise InvalidInput("Every model family is excluded. Leave at least one in.", field="excluded_families")
    fitting = [family for family in allowed if distribution is None or distribution.name in family.distributions]
    if not fitting:
        raise InvalidInput(
            f"None of the families that are left can be fitted by the distribution {distribution}: "
            f"{', '.join(family.name for family in allowed)}. Leave another one in, or choose another distribution.",
            field="distribution",
        )
    installed = [family for family in fitting if is_installed(family)]
    if not installed:
        raise InvalidInput(
            f"The libraries of these families are not installed: {', '.join(family.name for family in fitting)}. "
            "Install them, or leave another family in.",
            field="excluded_families",
        )
    suited = [family for family in installed if family.most_rows is None or (n_rows or 0) <= family.most_rows]
    # Where nobody else is left, those for small tables learn from as many rows as they pay on.
    limited = {} if suited else {family.name: {"max_rows": family.most_rows or 0} for family in installed}
    placed = sorted(
        (turn, family.name, place) for family in suited or installed for place, turn in enumerate(family.places)
    )
    limits = [limit for limit in (PRESETS[plan.preset].n_entries, plan.max_trials) if limit is not None]
    chosen = placed[: min(limits, default=len(placed))]
    return [
        _entry(name, place, {**FAMILIES[name].portfolio()[place], **limited.get(name, {})}) for _, name, place in chosen
    ]


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


def whole(starters: Sequence[Entry], records: Sequence[FoldRecord]) -> list[Entry]:
    """The starters of a continuation: each in whose place the clock cut a fold short, as another trial of its own.

    The other trial has the same configuration, and goes on from the folds that were not cut. What was cut stays as it
    is: the model that is served may be made of it.
    """
    cut = {record.trial for record in records if record.truncated}
    again: list[Entry] = []
    for entry in starters:
        turn = 0
        while _trial(entry.family, entry.options, turn) in cut:
            turn += 1
        if turn:
            trial = _trial(entry.family, entry.options, turn)
            entry = replace(entry, trial=trial, label=entry.label + _AGAIN, turn=turn)  # noqa: PLW2901
        again.append(entry)
    return again


def turns(entry: Entry) -> list[Entry]:
    """The trial, and those before it in whose place it was begun."""
    label = entry.label.removesuffix(_AGAIN)
    earlier = [
        replace(entry, trial=_trial(entry.family, entry.options, turn), label=label + _AGAIN * (turn > 0), turn=turn)
        for turn in range(entry.turn)
    ]
    return [*earlier, entry]


def usable(entry: Entry, records: Sequence[FoldRecord]) -> list[FoldRecord]:
    """The folds that earlier turns of the trial finished and that this one lacks."""
    earlier = {_trial(entry.family, entry.options, turn) for turn in range(entry.turn)}
    there = {record.fold for record in records if record.trial == entry.trial}
    found = {record.fold: record for record in records if record.trial in earlier and not record.truncated}
    return [found[fold] for fold in sorted(found.keys() - there)]


def _trial(family: str, options: Options, turn: int = 0) -> str:
    spelled = json.dumps([family, dict(options), *([turn] if turn else [])], sort_keys=True)
    return hashlib.blake2b(spelled.encode(), digest_size=6).hexdigest()


def _entry(family: str, place: int, options: Options) -> Entry:
    label = FAMILIES[family].label
    return Entry(
        trial=_trial(family, options),
        family=family,
        label=label if place == 0 else f"{label}-{place + 1}",
        options=options,
    )
