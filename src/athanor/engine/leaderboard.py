"""Trials in order of score: complete ones ranked, the others below as partial."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from athanor.engine.events import LeaderboardRow
from athanor.engine.metrics import Metric
from athanor.errors import InvalidInput, NotFound

FILE = "leaderboard.json"


def rank(rows: Iterable[LeaderboardRow], metric: Metric, *, first: str | None = None) -> tuple[LeaderboardRow, ...]:
    """The rows in order, with their ranks. The row of trial `first` (the model that is served) stands on top.

    A row is ranked when it has all its folds, or is the one on top: what is served is a model whatever it is made of.
    """

    def order(row: LeaderboardRow) -> tuple[bool, bool, float]:
        utility = float("-inf")
        if row.score is not None:
            utility = row.score if metric.greater_is_better else -row.score
        return row.trial != first, row.folds < row.n_folds, -utility

    ranked: list[LeaderboardRow] = []
    place = 0
    for row in sorted(rows, key=order):
        complete = row.folds == row.n_folds or row.trial == first
        place += complete
        ranked.append(LeaderboardRow(**{**asdict(row), "rank": place if complete else None}))
    return tuple(ranked)


def write_leaderboard(folder: Path, rows: Iterable[LeaderboardRow]) -> None:
    """Keep the rows beside a model, whole or not at all."""
    written = folder / f"new-{FILE}"
    written.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    written.replace(folder / FILE)


def read_leaderboard(folder: Path) -> tuple[LeaderboardRow, ...]:
    """The leaderboard that stands beside a model. Raises NotFound."""
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"There is no leaderboard in {folder}. Give the folder of a model that Athanor trained.")
    try:
        return tuple(LeaderboardRow(**row) for row in json.loads(path.read_text()))
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{path} is not a leaderboard that Athanor wrote.") from error
