"""Which configurations of the families are tried, in which order, and how long they may take. Pure functions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from athanor.engine.family import Options, Shape
from athanor.engine.models import FAMILIES, is_installed
from athanor.engine.plan import Plan
from athanor.engine.presets import PRESETS
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput


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
    """What a plan tries, in the order in which it pays: by the places that the families gave to their configurations.

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


def fold_s(schedule: Iterable[Entry], shape: Shape) -> float:
    """Seconds that one fold of each would take, one after the other on a free core, by the families' estimates.

    shape  of the table: a fold is fitted on a little less
    """
    return sum(
        FAMILIES[entry.family].estimate(_limited(shape, entry.options), entry.options).seconds for entry in schedule
    )


def _limited(shape: Shape, options: Options) -> Shape:
    return replace(shape, n_rows=min(shape.n_rows, int(options.get("max_rows", shape.n_rows))))


def trial_of(family: str, options: Options, turn: int = 0) -> str:
    """The name of a configuration's trial, or of its `turn`-th in its place."""
    spelled = json.dumps([family, dict(options), *([turn] if turn else [])], sort_keys=True)
    return hashlib.blake2b(spelled.encode(), digest_size=6).hexdigest()


def _entry(family: str, place: int, options: Options) -> Entry:
    label = FAMILIES[family].label
    return Entry(
        trial=trial_of(family, options),
        family=family,
        label=label if place == 0 else f"{label}-{place + 1}",
        options=options,
    )
