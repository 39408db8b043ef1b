"""What a person asks in a notebook, as a task and a plan: words and numbers in the ways people write them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from athanor.engine.models import families_meant
from athanor.engine.plan import Plan
from athanor.engine.tables.schema import ColumnType
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput
from athanor.quantities import parse_duration, parse_size

IN_THIS_PROCESS = 0  # of `cores`: folds are fitted in the calling process, one at a time


def seconds(limit: float | str | None) -> float | None:
    """A time limit as a number of seconds or as text ("90s", "5m"). Raises InvalidInput."""
    if isinstance(limit, str):
        return parse_duration(limit)
    if isinstance(limit, bool) or not isinstance(limit, int | float | None):
        raise InvalidInput(
            f"`time_limit` must be seconds (90), text (5m, 1h30m) or None, got {limit!r}.", field="time_limit"
        )
    return limit


def size_bytes(limit: float | str | None) -> int | None:
    """A memory limit as a number of bytes or as text ("2GB"). Raises InvalidInput."""
    if isinstance(limit, str):
        return parse_size(limit)
    if isinstance(limit, bool) or not isinstance(limit, int | float | None):
        raise InvalidInput(f"`memory_limit` must be bytes, text (2GB) or None, got {limit!r}.", field="memory_limit")
    return None if limit is None else int(limit)


def whole_number(given: Any, field: str) -> int:
    """A whole number of any library. Raises InvalidInput."""
    if isinstance(given, bool) or not isinstance(given, Integral):
        raise InvalidInput(f"`{field}` must be a whole number, got {given!r}.", field=field)
    return int(given)


def level_of(given: Any) -> float:
    """The share of cases that an interval is to hold the truth in. Raises InvalidInput unless it is a number."""
    if isinstance(given, bool) or not isinstance(given, Real):
        raise InvalidInput(f"`level` must be a number between 0 and 1, such as 0.9, got {given!r}.", field="level")
    return float(given)


def path_of(given: Any, field: str) -> Path:
    """A place on disk; ~ is the person's own folder. Raises InvalidInput."""
    if not isinstance(given, str | os.PathLike):
        raise InvalidInput(f"`{field}` must be a path, got {given!r}.", field=field)
    return Path(given).expanduser()


def plan_of(
    *,
    time_limit: float | str | None,
    preset: str,
    memory_limit: float | str | None,
    cores: int | None,
    max_trials: int | None,
    seed: int,
    excluded_families: Iterable[str],
) -> Plan:
    """The limits as a plan. Raises InvalidInput."""
    n_cores = None if cores is None else whole_number(cores, "cores")
    return Plan(
        time_limit_s=seconds(time_limit),
        preset=preset,
        memory_limit=size_bytes(memory_limit),
        cores=None if n_cores == IN_THIS_PROCESS else n_cores,
        max_trials=None if max_trials is None else whole_number(max_trials, "max_trials"),
        seed=whole_number(seed, "seed"),
        excluded_families=families_meant(names_of(excluded_families) or (), field="excluded_families"),
    )


def types_of(given: Mapping[str, str] | None) -> dict[str, ColumnType]:
    """Column → what it means, as its owner says. Raises InvalidInput."""
    known = [kind.value for kind in ColumnType]
    for name, kind in (given or {}).items():
        if kind not in known:
            raise InvalidInput(
                f"No column type {kind!r}, given for {name!r}. Known: {', '.join(known)}.", field="types"
            )
    return {str(name): ColumnType(kind) for name, kind in (given or {}).items()}


def distribution_of(given: str | TargetDistribution | None) -> TargetDistribution | None:
    """Raises InvalidInput."""
    if isinstance(given, str):
        return TargetDistribution.parse(given)
    if not isinstance(given, TargetDistribution | None):
        raise InvalidInput(
            f"`distribution` must be a name, such as quantile:0.9, or None, got {given!r}.", field="distribution"
        )
    return given


def names_of(given: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """Names of columns, of which one may stand alone."""
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(map(str, given))
