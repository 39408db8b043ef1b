"""Which problem a target is when nobody says: one rule for all problem types, so that exactly one claims it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Column, Numbers, Times, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType
from athanor.errors import InvalidInput

MOST_NATURAL_CLASSES = 20  # whole numbers with more distinct values than this are taken as a quantity
_LOOKED_AT = 10_000
ROWS_PER_CLASS = 10  # and so are those that repeat less often than this on average


def natural_problem(column: Column, schema: ColumnSchema) -> str:
    """The name of the problem that fits a target.

    Two distinct values are binary. Words and booleans are classes. Whole numbers are classes when at most 20 distinct
    ones occur, each in 10 rows on average; all other numbers are a quantity. A type that the user gave decides first:
    categorical or boolean means classes, numeric means a quantity. Raises InvalidInput for dates.
    """
    if isinstance(column, Times):
        raise InvalidInput(
            f"The target {schema.name!r} holds dates, and a date cannot be predicted. Choose another target, or add a "
            "column with a number in its place, such as the days since a fixed date.",
            field="target",
        )
    if not isinstance(column, Numbers | Words):
        return "regression"  # whose `truth` says in words why it cannot be
    given = schema.type if schema.is_given else None
    known = column.take(np.flatnonzero(~column.missing()))
    if isinstance(known, Words):
        return "binary" if len(np.unique(known.codes)) == 2 else "multiclass"
    if given is ColumnType.NUMERIC:
        return "regression"
    distinct = np.unique(known.values[:_LOOKED_AT])  # most quantities show at once
    if len(distinct) <= MOST_NATURAL_CLASSES:
        distinct = np.unique(known.values)
    if len(distinct) == 2:
        return "binary"
    if given in {ColumnType.CATEGORICAL, ColumnType.BOOLEAN} or _are_classes(distinct, len(known.values)):
        return "multiclass"
    return "regression"


def _are_classes(distinct: NDArray[np.float64], n_rows: int) -> bool:
    is_whole = bool(np.isfinite(distinct).all()) and bool((distinct == np.floor(distinct)).all())
    return is_whole and 1 < len(distinct) <= MOST_NATURAL_CLASSES and n_rows >= ROWS_PER_CLASS * len(distinct)
