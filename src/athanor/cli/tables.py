"""Tables as aligned text, for people and for `grep`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from athanor.quantities import spell_score

if TYPE_CHECKING:
    from athanor.engine.events import LeaderboardRow


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Print the rows below their head. Columns named in `right` are aligned to the right."""
    for line in table_lines(head, rows, right=right):
        print(line)


def table_lines(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = []
    for row in (head, *rows):
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


LEADERBOARD_HEAD = ("rank", "model", "family", "score", "+/-", "fit s", "predict s/1000", "folds")
LEADERBOARD_RIGHT = ("rank", "score", "+/-", "fit s", "predict s/1000", "folds")


def leaderboard_cells(rows: Sequence[LeaderboardRow]) -> list[tuple[str, ...]]:
    """The leaderboard's cells under `LEADERBOARD_HEAD`. A partial trial has no rank."""
    return [
        (
            "-" if row.rank is None else str(row.rank),
            row.name,
            row.family,
            spell_score(row.score),
            "-" if row.score_error is None else f"{row.score_error:.2g}",
            f"{row.fit_s:.1f}",
            f"{row.predict_s:.3f}",
            f"{row.folds}/{row.n_folds}",
        )
        for row in rows
    ]


def live_head(metric: str) -> tuple[str, ...]:
    """The leaderboard's head where there are 80 columns at most: a model's name says its family, and errors wait."""
    return "rank", "model", metric, "fit s", "predict s/1000", "folds"


def live_cells(rows: Sequence[LeaderboardRow]) -> list[tuple[str, ...]]:
    """The leaderboard's cells under `live_head`."""
    return [(rank, name, score, *rest) for rank, name, _, score, _, *rest in leaderboard_cells(rows)]


def spell_folds(row: LeaderboardRow) -> str:
    return f"from {row.folds} of {row.n_folds} folds"
