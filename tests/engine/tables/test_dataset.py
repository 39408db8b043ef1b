"""Rows of a dataset: taken at once, or column by column when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.tables.dataset_files import arrays_of

N = 30


def same(first, second):
    assert (first.schema, first.n_rows) == (second.schema, second.n_rows)
    for name in first.schema.names:
        for part, array in arrays_of(first[name]).items():
            assert array.tobytes() == arrays_of(second[name])[part].tobytes()


@pytest.mark.parametrize("rows", [np.array([3, 1, 29, 3]), np.array([], np.int64), slice(4, 9), slice(20, 99)])
def test_rows_that_are_looked_at_are_the_rows_that_would_be_taken(make_table, rows):
    table = make_table(N)
    same(table.at(rows), table.take(np.arange(N)[rows]))


@pytest.mark.parametrize("first", [np.arange(N)[::-1], slice(2, 28, 2), np.arange(5, 15)])
@pytest.mark.parametrize("second", [np.array([4, 0, 4]), slice(1, 7), slice(None, None, 3)])
def test_rows_of_rows_are_the_rows_of_the_table(make_table, first, second):
    table = make_table(N)
    same(table.at(first).at(second), table.take(np.arange(N)[first][second]))


def test_columns_of_rows_are_rows_of_columns(make_table):
    table, rows = make_table(N), np.array([7, 2])
    same(table.at(rows).select(["age", "target"]), table.select(["age", "target"]).take(rows))


def test_a_column_is_not_taken_before_it_is_asked_for(make_table, monkeypatch):
    table, taken = make_table(N), []
    for column in {type(column) for column in table.columns.values()}:
        take = column.take
        monkeypatch.setattr(column, "take", lambda self, rows, take=take: taken.append(self) or take(self, rows))
    some = table.at(np.array([1, 2]))
    assert "age" in some.columns
    assert some.select(["age"]).at(slice(0, 1)).n_rows == 1
    assert not taken
    _ = some["age"]
    assert taken == [table["age"]]
