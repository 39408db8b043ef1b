"""What every view must do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.features import VIEWS, columnwise
from athanor.engine.tables.dataset import Dataset, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import Impossible

every_view = pytest.mark.parametrize("name", VIEWS.names())
dense_and_sparse = pytest.mark.parametrize("with_sparse", [False, True], ids=["dense", "sparse"])


def dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def bits_of(matrix):
    return np.ascontiguousarray(matrix).view(np.uint32)


@every_view
@dense_and_sparse
def test_a_view_gives_float32_rows_of_the_promised_width(name, with_sparse, make_table):
    table = make_table(with_sparse=with_sparse)
    view = VIEWS[name].fit(table)
    matrix = view.transform(table)
    assert matrix.shape == (table.n_rows, view.n_features)
    assert matrix.dtype == np.float32
    assert not with_sparse or sparse.issparse(matrix)
    assert all(0 <= place < view.n_features for place in view.categorical)


@every_view
@dense_and_sparse
def test_a_view_says_what_each_feature_was_made_from(name, with_sparse, make_table):
    table = make_table(with_sparse=with_sparse)
    view = VIEWS[name].fit(table)
    assert sum(source.n_features for source in view.sources) == view.n_features
    components = {source.column: source.components for source in view.sources if source.components is not None}
    assert components.keys() == ({"vector", "sparse"} if with_sparse else {"vector"})
    assert components["vector"].tolist() == [0, 1, 2]
    if with_sparse:
        assert components["sparse"].tolist() == list(range(30))


@every_view
@dense_and_sparse
def test_a_feature_changes_with_the_column_it_was_made_from_and_with_no_other(name, with_sparse, make_table):
    table = make_table(with_sparse=with_sparse)
    view = VIEWS[name].fit(table)
    shifted = table.take((np.arange(table.n_rows) + 1) % table.n_rows)
    before, start = dense(view.transform(table)), 0
    for source in view.sources:
        features = slice(start, start + source.n_features)
        changed = replace(table, columns={**table.columns, source.column: shifted.columns[source.column]})
        differs = (bits_of(before) != bits_of(dense(view.transform(changed)))).any(axis=0)
        assert differs[features].any()
        others = [each.column == source.column for each in view.sources for _ in range(each.n_features)]
        assert not (differs & ~np.array(others)).any()
        start += source.n_features


@every_view
@dense_and_sparse
def test_a_row_gets_the_same_bits_alone_and_among_others(name, with_sparse, make_table, shuffled_rows, same_bits):
    table = make_table(with_sparse=with_sparse)
    view = VIEWS[name].fit(table.take(np.arange(250)))
    matrix = view.transform(table)
    for rows in shuffled_rows(table.n_rows):
        same_bits(view.transform(table.take(rows)), matrix[rows])


@every_view
@dense_and_sparse
def test_many_rows_made_some_at_a_time_get_the_same_bits(name, with_sparse, make_table, same_bits, monkeypatch):
    table = make_table(with_sparse=with_sparse)
    rows = np.tile(np.arange(table.n_rows), 4)
    view = VIEWS[name].fit(table)
    whole = view.transform(table.at(rows))
    for limit in ("_CELLS", "_SPARSE_CELLS"):
        monkeypatch.setattr(columnwise, limit, 1)
    monkeypatch.setattr(columnwise, "_LEAST_ROWS", 37)
    same_bits(view.transform(table.at(rows)), whole)
    same_bits(view.transform(table.take(rows)), whole)


def test_a_matrix_that_would_be_large_and_nearly_all_zeros_is_sparse(make_table, monkeypatch):
    table = make_table().select(["colour", "number"])
    dense_view = VIEWS["scaled"].fit(table)
    monkeypatch.setattr(columnwise, "_MOST_DENSE_CELLS", 100)
    for rows, step in ((np.arange(400), 2**21), (np.arange(400), 1)):
        monkeypatch.setattr(columnwise, "_SPARSE_CELLS", step)
        matrix = VIEWS["scaled"].fit(table).transform(table.at(rows))
        assert sparse.issparse(matrix)
        assert (matrix.toarray() == dense_view.transform(table.take(rows))).all()


@every_view
def test_a_row_gets_the_same_bits_whatever_vocabulary_it_comes_with(name, make_table, same_bits):
    """At predict time, words stand in another order, among others, or alone."""
    table = make_table()
    view = VIEWS[name].fit(table)
    rows = np.arange(5)
    few = table.take(rows)
    columns = dict(few.columns)
    for column, cells in few.columns.items():
        if isinstance(cells, Words):
            spelled = [None if code < 0 else cells.vocabulary[code] for code in cells.codes.tolist()]
            columns[column] = Words.of(["another", *spelled][::-1]).take(4 - rows)
    same_bits(view.transform(replace(few, columns=columns)), view.transform(table)[rows])


@every_view
@dense_and_sparse
def test_a_saved_view_gives_the_same_bits(name, with_sparse, make_table, tmp_path, same_bits):
    table = make_table(with_sparse=with_sparse)
    view = VIEWS[name].fit(table)
    view.save(tmp_path)
    loaded = VIEWS[name].load(tmp_path)
    same_bits(loaded.transform(table), view.transform(table))
    assert (loaded.n_features, loaded.categorical) == (view.n_features, view.categorical)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".npy"}


@every_view
def test_fitting_twice_gives_the_same_bits(name, make_table, tmp_path):
    for place in ("first", "second"):
        (tmp_path / place).mkdir()
        VIEWS[name].fit(make_table()).save(tmp_path / place)
    first, second = (
        [path.read_bytes() for path in sorted((tmp_path / place).iterdir())] for place in ("first", "second")
    )
    assert first == second


@every_view
def test_levels_that_only_other_rows_have_are_not_learned(name, make_table, same_bits):
    """What is fitted on the training rows does not change with the vocabulary that the table around them has."""
    table = make_table()
    rows = np.arange(200)
    alone = table.take(rows)
    columns = {
        column: Words.of([None if code < 0 else cells.vocabulary[code] for code in cells.codes.tolist()])
        if isinstance(cells, Words)
        else cells
        for column, cells in alone.columns.items()
    }
    from_table, from_rows = VIEWS[name].fit(alone), VIEWS[name].fit(replace(alone, columns=columns))
    same_bits(from_table.transform(table), from_rows.transform(table))


@every_view
def test_ids_and_constants_are_left_out(name, make_table):
    table = make_table()
    with_them, without = (VIEWS[name].fit(given).n_features for given in (table, table.select(table.schema.names[:-2])))
    assert with_them == without
    with pytest.raises(Impossible, match="None of the 2 feature columns says anything"):
        VIEWS[name].fit(table.select(["key", "same"]))


@every_view
def test_extreme_numbers_stay_finite_or_missing(name):
    schema = Schema((ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    cells = np.array([1e308, -1e308, np.inf, -np.inf, np.nan, 0.0, 5e-324, 1.0])
    table = Dataset(schema, {"x": Numbers(cells)}, len(cells))
    view = VIEWS[name].fit(table)
    with np.errstate(all="raise", under="ignore"):
        matrix = dense(view.transform(table))
    known = ~np.isnan(cells)
    assert np.isfinite(matrix[known]).all()


@every_view
def test_columns_without_any_value_do_no_harm(name, make_table):
    table = make_table(50)
    columns = dict(table.columns)
    columns["number"] = Numbers(np.full(50, np.nan))
    columns["colour"] = Words(np.full(50, -1, np.int32), ())
    columns["note"] = Words(np.full(50, -1, np.int32), ())
    columns["when"] = replace(columns["when"], values=np.full(50, np.datetime64("NaT"), "datetime64[us]"))
    view = VIEWS[name].fit(replace(table, columns=columns))
    assert view.transform(table).shape == (50, view.n_features)


@every_view
def test_no_row_is_no_trouble(name, make_table):
    table = make_table()
    view = VIEWS[name].fit(table)
    assert view.transform(table.take(np.array([], np.int64))).shape == (0, view.n_features)


def test_the_scaled_view_has_nothing_missing(make_table):
    table = make_table()
    view = VIEWS["scaled"].fit(table.take(np.arange(200)))
    assert np.isfinite(dense(view.transform(table))).all()
    assert view.categorical == ()


@every_view
def test_numbers_that_look_like_ids_are_seen_as_levels_too(name, make_table):
    """Their size says nothing; how often they come back, or which they are, may say much."""
    table = make_table().select(["code"])
    dense_count = Numbers(table["code"].values / 1000.0)
    as_ids = VIEWS[name].fit(table)
    as_count = VIEWS[name].fit(replace(table, columns={"code": dense_count}))
    assert as_ids.n_features > as_count.n_features == 1
