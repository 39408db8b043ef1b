"""How much memory a fit needs, and what it can do without where there is not so much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from athanor.engine.family import Family, Options, Shape
from athanor.errors import Impossible

LEAST_ROWS = 100  # on fewer rows than this a fit is not worth its name, unless there are no more
_BESIDE = 24 * 2**20  # what a pool process takes beside its matrices and the fit: pages it shares no longer, slices


class NeedsRoom(Exception):
    """A fit does not fit beside others, and would if it ran alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A fit, as far as memory goes.

    n_rows     training rows, those to stop by included
    n_judged   rows that are only predicted
    row_bytes  of a row of the family's matrix
    """

    family: Family
    options: Options
    n_rows: int
    n_judged: int
    n_features: int
    n_margins: int
    row_bytes: float
    is_sparse: bool

    @property
    def needed(self) -> int:
        """Bytes, about: the matrices, and what the family has beside them."""
        shape = Shape(
            n_rows=self.n_rows,
            n_features=self.n_features,
            n_margins=self.n_margins,
            row_bytes=self.row_bytes,
            is_sparse=self.is_sparse,
        )
        matrices = self.row_bytes * (self.n_rows + self.n_judged)
        answers = 24.0 * self.n_judged * self.n_margins
        return int(matrices + answers + self.family.estimate(shape, self.options).memory_bytes) + _BESIDE


def fit_into(work: Work, room: int) -> Work:
    """The work itself where there is room for it, else what comes nearest to it: the family's lighter options first,
    then half of the rows, and so on.

    The outcome depends on `work` and `room` alone. Raises Impossible where even the least does not fit.
    """
    lightest = work
    for lightest in _lighter(work):
        if lightest.needed <= room:
            return lightest
    raise Impossible(
        f"{work.family.label} needs about {lightest.needed / 2**20:,.0f} MB for {lightest.n_rows:,} rows and "
        f"{work.n_features:,} features; the memory cap leaves {max(room, 0) / 2**20:,.0f} MB."
    )


def _lighter(work: Work) -> Iterator[Work]:
    n_rows = work.n_rows
    while True:
        for options in (work.options, *work.family.lighter(work.options)):
            yield replace(work, n_rows=n_rows, options=options)
        if n_rows <= LEAST_ROWS:
            return
        n_rows = max(n_rows // 2, LEAST_ROWS)


def left_out(wanted: Work, work: Work) -> str:
    """In words, what the work goes without; nothing where it is what was wanted."""
    parts = ["fewer bins or leaves"] if work.options != wanted.options else []
    if work.n_rows < wanted.n_rows:
        parts.append(f"{work.n_rows:,} of {wanted.n_rows:,} rows")
    return " and ".join(parts)
