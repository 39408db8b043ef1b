"""Presets: how much of the schedule is tried, and what is served in the end. Score against speed and size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One way to trade score for speed and size.

    folds        (rows, folds): so many folds for tables of up to so many rows; None: any number
    n_entries    configurations that start, the first ones of the schedule; None: all
    max_members  trials in the ensemble, at most
    is_refit     each member is fitted once more on all rows, and that model is served in place of its fold models
    """

    folds: tuple[tuple[int | None, int], ...]
    n_entries: int | None
    max_members: int
    is_refit: bool


# Small tables need many folds (a model goes without 1/K of its rows), large ones cannot afford them. Proposals, not yet
# tuned against each other (docs/why/schedule.md).
PRESETS: Mapping[str, Preset] = {
    "best_quality": Preset(
        folds=((1_500, 10), (30_000, 8), (100_000, 5), (None, 3)), n_entries=None, max_members=12, is_refit=False
    ),
    "high_quality": Preset(folds=((1_500, 8), (100_000, 5), (None, 3)), n_entries=None, max_members=8, is_refit=True),
    "good_quality": Preset(folds=((100_000, 5), (None, 3)), n_entries=8, max_members=5, is_refit=True),
    "medium_quality": Preset(folds=((100_000, 3), (None, 2)), n_entries=5, max_members=3, is_refit=True),
    "fast": Preset(folds=((100_000, 3), (None, 2)), n_entries=4, max_members=1, is_refit=True),
}
