"""Cells of Python, of one kind or of several."""

# ruff: noqa: DTZ001 - columns of the engine have values, and its times have no zone

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from athanor.errors import InvalidInput
from athanor.notebook.kinds.loose_cells import column_of


@pytest.mark.parametrize(
    ("cells", "dtype", "found"),
    [
        (["a", None], pl.String, ["a", None]),
        ([1, None, np.int64(2)], pl.Int64, [1, None, 2]),
        ([1, 2.5, float("nan")], pl.Float64, [1.0, 2.5, None]),
        ([Decimal("1.5"), None], pl.Float64, [1.5, None]),
        ([True, np.bool_(False)], pl.Boolean, [True, False]),
        ([dt.date(2020, 1, 2), None], pl.Datetime("us"), [dt.datetime(2020, 1, 2), None]),
        ([np.datetime64("2020-01-02T03:04", "ns"), np.datetime64("NaT")], pl.Datetime("us"), [dt.datetime(2020, 1, 2, 3, 4), None]),
        ([dt.timedelta(seconds=2), np.timedelta64(3, "s")], pl.Duration("us"), [dt.timedelta(seconds=2), dt.timedelta(seconds=3)]),
        ([dt.time(1, 30), None], pl.Time, [dt.time(1, 30), None]),
        ([[1, 2], np.array([3.0, 4.0])], pl.List(pl.Float64), [[1.0, 2.0], [3.0, 4.0]]),
        ([{"indices": [1], "values": [2.0]}], pl.Struct({"indices": pl.List(pl.Int64), "values": pl.List(pl.Float64)}), [{"indices": [1], "values": [2.0]}]),
        ([None, float("nan")], pl.String, [None, None]),
        ([True, 2, "x", 1.5, dt.date(2020, 1, 2)], pl.String, ["True", "2", "x", "1.5", "2020-01-02"]),
        ([], pl.String, []),
    ],
)  # fmt: skip
def test_cells_become_the_column_that_holds_them_all(cells, dtype, found):
    column = column_of("x", cells)
    assert column.dtype == dtype
    assert column.to_list() == found


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([1, object()], "Row 2, column 'x': a object is no cell"),
        (["a", [1, 2]], "Row 2, column 'x': a list stands beside cells of other kinds"),
        ([["a"], ["b"]], "Column 'x' cannot be made"),
    ],
)
def test_what_is_no_cell_is_refused_with_row_and_column(cells, told):
    with pytest.raises(InvalidInput, match=told):
        column_of("x", cells)
