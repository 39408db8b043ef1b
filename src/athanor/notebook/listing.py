"""Rows of figures to look at: a leaderboard, importances. Taken as a frame wherever one goes on with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from athanor.engine.profile_page.html import Html
from athanor.engine.serving.reliance import Importance
from athanor.notebook.html import block, table_html
from athanor.quantities import spell_score

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from athanor.engine.events import LeaderboardRow

SHOWN = 50  # rows that are drawn; a frame has all


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows in their order, each with the same columns.

    rows  column → value: a number, a text, or None where there is none
    faint places of rows that step back: partial trials
    """

    rows: tuple[Mapping[str, Any], ...]
    columns: tuple[str, ...]
    faint: frozenset[int] = frozenset()

    def to_polars(self) -> pl.DataFrame:
        import polars as pl

        return pl.DataFrame({name: [row[name] for row in self.rows] for name in self.columns}, strict=False)

    def to_pandas(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.rows], columns=list(self.columns))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, place: int) -> Mapping[str, Any]:
        return self.rows[place]

    def __repr__(self) -> str:
        cells = [self.columns, *self._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
        ]
        return "\n".join([*lines, *self._left()])

    def _repr_html_(self) -> str:
        return self.html()

    def html(self) -> Html:
        numeric = [name for name in self.columns if any(isinstance(row[name], int | float) for row in self.rows)]
        return block(table_html(self.columns, self._cells(), right=numeric, dim=self.faint), *self._left())

    def _cells(self) -> list[list[str]]:
        return [[_spelled(row[name]) for name in self.columns] for row in self.rows[:SHOWN]]

    def _left(self) -> list[str]:
        return [f"and {len(self.rows) - SHOWN:,} more"] if len(self.rows) > SHOWN else []


def leaderboard_listing(rows: Sequence[LeaderboardRow]) -> Listing:
    """The trials of a training, best first; those below that did not get all of their folds have no rank."""
    names = ("rank", "model", "family", "score", "score_error", "fit_s", "predict_s_per_1000", "folds")
    found = []
    for row in rows:
        times = (row.fit_s, row.predict_s, f"{row.folds}/{row.n_folds}")
        cells = (row.rank, row.name, row.family, row.score, row.score_error, *times)
        found.append(dict(zip(names, cells, strict=True)))
    return Listing(tuple(found), names, frozenset(place for place, row in enumerate(rows) if row.rank is None))


def importance_listing(found: Sequence[Importance]) -> Listing:
    """Columns by what the model relies on, greatest share first; components of vectors only where there are some."""
    has_components = any(each.component is not None for each in found)
    names = ("column", "component", "share") if has_components else ("column", "share")
    rows = ({"column": each.column, "component": each.component, "share": each.share} for each in found)
    return Listing(tuple({name: row[name] for name in names} for row in rows), names)


def _spelled(value: object) -> str:
    if value is None:
        return "-"
    return spell_score(value) if isinstance(value, float) else str(value)
