"""A later table read as the one that was learned from: what is converted, and what is refused in which words."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

KINDS = {Storage.STRING: ColumnType.CATEGORICAL, Storage.DATETIME: ColumnType.DATETIME, Storage.DENSE: ColumnType.VECTOR,
         Storage.SPARSE: ColumnType.VECTOR, Storage.BOOLEAN: ColumnType.BOOLEAN}  # fmt: skip
NAN = float("nan")
NUMBERS = Numbers(np.array([1.0, NAN, 2.5]))
WHOLE = Numbers(np.array([1.0, NAN, 200.0]))
FLAGS = Numbers(np.array([1.0, NAN, 0.0]))
NOTHING = Numbers(np.full(3, NAN))
MOMENTS = Times(np.array(["2024-03-01T12:30", "NaT", "1969-12-31"], "datetime64[us]"))
DENSE = Vectors(np.array([[1, 0], [0, 0], [0, 3]], np.float32))
SPARSE = Vectors(csr_matrix(DENSE.matrix))


def words(*cells):
    return Words.of(cells)


def a_schema(storage, *, name="x", dim=2, spelling=""):
    return ColumnSchema(
        name=name,
        type=KINDS.get(storage, ColumnType.NUMERIC),
        storage=storage,
        dim=dim if storage in {Storage.DENSE, Storage.SPARSE} else None,
        spelling=spelling,
    )


def read_as(wanted, column, found, **more):
    """The cells of a column that was found to be one thing, where another was learned from."""
    table = Dataset(Schema((a_schema(found),)), {"x": column}, 3)
    return conform(table, Schema((a_schema(wanted, **more),))).columns["x"]


def texts(column):
    return [None if code < 0 else column.vocabulary[code] for code in column.codes.tolist()]


# --- which columns --------------------------------------------------------------------------------------------------


def test_the_columns_are_those_of_training_in_its_order():
    found = Schema(tuple(a_schema(Storage.FLOAT, name=name) for name in ("new", "b", "a")))
    values = {name: Numbers(np.full(2, place)) for place, name in enumerate(found.names)}
    wanted = Schema(tuple(a_schema(Storage.FLOAT, name=name) for name in ("a", "b")))
    made = conform(Dataset(found, values, 2), wanted)
    assert made.schema == wanted
    assert [made.columns[name].values.tolist() for name in ("a", "b")] == [[2, 2], [1, 1]]


@pytest.mark.parametrize("storage", [Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN, Storage.STRING, Storage.DATETIME])
def test_a_column_that_is_not_there_is_missing_in_every_row(storage):
    table = Dataset(Schema((a_schema(Storage.FLOAT, name="other"),)), {"other": NUMBERS}, 3)
    column = conform(table, Schema((a_schema(storage),))).columns["x"]
    assert column.missing().tolist() == [True] * 3
    assert type(column) is {Storage.STRING: Words, Storage.DATETIME: Times}.get(storage, Numbers)


@pytest.mark.parametrize("storage", [Storage.DENSE, Storage.SPARSE])
def test_a_vector_cannot_be_missing(storage):
    table = Dataset(Schema((a_schema(Storage.FLOAT, name="other"),)), {"other": NUMBERS}, 3)
    with pytest.raises(InvalidInput, match="'x' is not there, and a vector cannot be missing") as caught:
        conform(table, Schema((a_schema(storage),)))
    assert caught.value.field == "x"


# --- what is converted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("storage", "column"),
    [
        (Storage.FLOAT, NUMBERS),
        (Storage.INTEGER, WHOLE),
        (Storage.BOOLEAN, FLAGS),
        (Storage.STRING, words("a", None, "b")),
        (Storage.DATETIME, MOMENTS),
        (Storage.DENSE, DENSE),
        (Storage.SPARSE, SPARSE),
    ],
)
def test_a_column_of_the_right_kind_is_taken_as_it_is(storage, column):
    assert read_as(storage, column, storage) is column


@pytest.mark.parametrize("found", [Storage.INTEGER, Storage.BOOLEAN])
def test_whole_numbers_and_truth_values_are_numbers(found):
    assert read_as(Storage.FLOAT, FLAGS, found) is FLAGS


def test_words_that_are_numbers_are_read():
    read = read_as(Storage.FLOAT, words(" 1.5", "-2e3", "None"), Storage.STRING)
    assert read.values.tolist()[:2] == [1.5, -2000.0]
    assert np.isnan(read.values[2])


def test_words_that_are_truth_values_are_read():
    read = read_as(Storage.BOOLEAN, words("True", "0", None), Storage.STRING)
    assert read.values.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(read.values[2])


def test_words_that_are_times_are_read_in_utc():
    read = read_as(Storage.DATETIME, words("2024-03-01 12:30", "2024-03-01T13:30+01:00", None), Storage.STRING)
    assert read.values.dtype == np.dtype("datetime64[us]")
    assert read.values[0] == read.values[1] == np.datetime64("2024-03-01T12:30", "us")
    assert np.isnat(read.values[2])


def test_words_are_read_in_the_spelling_that_was_learned_from_or_the_usual_one():
    read = read_as(Storage.FLOAT, words("1.234,5", "0.5", None), Storage.STRING, spelling="decimal comma")
    assert read.values.tolist()[:2] == [1234.5, 0.5]
    read = read_as(Storage.DATETIME, words("01.03.2024", "2024-03-02", "-"), Storage.STRING, spelling="day.month.year")
    assert read.values[:2].astype(str).tolist() == ["2024-03-01T00:00:00.000000", "2024-03-02T00:00:00.000000"]
    assert np.isnat(read.values[2])


def test_whole_numbers_are_times_where_times_were_learned_as_such():
    column = Numbers(np.array([1709251200, NAN, 0]))
    read = read_as(Storage.DATETIME, column, Storage.INTEGER, spelling="seconds since 1970")
    assert read.values.astype("datetime64[D]").astype(str).tolist() == ["2024-03-01", "NaT", "1970-01-01"]


@pytest.mark.parametrize(
    ("column", "found", "spelled"),
    [
        (NUMBERS, Storage.FLOAT, ["1.0", None, "2.5"]),
        (WHOLE, Storage.INTEGER, ["1", None, "200"]),
        (FLAGS, Storage.BOOLEAN, ["True", None, "False"]),
        (MOMENTS, Storage.DATETIME, ["2024-03-01T12:30:00", None, "1969-12-31T00:00:00"]),
    ],
)
def test_where_words_were_learned_values_are_spelled_as_a_file_would(column, found, spelled):
    assert texts(read_as(Storage.STRING, column, found)) == spelled


@pytest.mark.parametrize("wanted", [Storage.FLOAT, Storage.BOOLEAN, Storage.STRING, Storage.DATETIME])
@pytest.mark.parametrize(("column", "found"), [(words(None, None, None), Storage.STRING), (NOTHING, Storage.FLOAT)])
def test_a_column_without_values_fits_everywhere(wanted, column, found):
    assert read_as(wanted, column, found).missing().tolist() == [True] * 3


def test_vectors_become_dense_or_sparse_as_in_training():
    assert read_as(Storage.DENSE, SPARSE, Storage.SPARSE).matrix.tolist() == DENSE.matrix.tolist()
    sparse = read_as(Storage.SPARSE, DENSE, Storage.DENSE)
    assert sparse.is_sparse
    assert sparse.matrix.toarray().tolist() == DENSE.matrix.tolist()


def test_a_word_that_no_row_has_is_not_read():
    column = Words(np.array([0, 0, -1], np.int32), ("1", "not a number"))
    assert read_as(Storage.FLOAT, column, Storage.STRING).values.tolist()[:2] == [1.0, 1.0]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "column", "found", "message"),
    [
        (Storage.FLOAT, words("1", "2", "n.a."), Storage.STRING, "Row 3, column 'x': expected a number .* got 'n.a.'"),
        (Storage.INTEGER, words(None, "lots", "2"), Storage.STRING, "Row 2, column 'x': expected a number .* got 'lots'"),
        (Storage.BOOLEAN, words("yes!", "1", "0"), Storage.STRING, "Row 1, column 'x': .* got 'yes!'"),
        (Storage.BOOLEAN, NUMBERS, Storage.FLOAT, "Row 3, column 'x': expected true or false .* got 2.5"),
        (Storage.DATETIME, words(None, None, "soon"), Storage.STRING, "Row 3, column 'x': expected a date .* got 'soon'"),
        (Storage.DATETIME, NUMBERS, Storage.FLOAT, "Column 'x' should hold a date or time in each row"),
        (Storage.FLOAT, MOMENTS, Storage.DATETIME, "Column 'x' should hold a number in each row"),
        (Storage.FLOAT, DENSE, Storage.DENSE, "Column 'x' should hold a number in each row"),
        (Storage.STRING, DENSE, Storage.DENSE, "Column 'x' should hold one text in each row, got a vector"),
        (Storage.DENSE, NUMBERS, Storage.FLOAT, "Column 'x' should hold vectors of 2 numbers"),
    ],
)  # fmt: skip
def test_a_cell_that_cannot_be_is_named_by_row_and_column(wanted, column, found, message):
    with pytest.raises(InvalidInput, match=message) as caught:
        read_as(wanted, column, found)
    assert caught.value.field == "x"


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(InvalidInput, match="'x' should hold vectors of 3 numbers"):
        read_as(Storage.DENSE, DENSE, Storage.DENSE, dim=3)


def test_the_first_row_that_has_the_bad_cell_is_named_and_long_cells_are_cut():
    column = Words(np.array([-1, 1, 1], np.int32), ("fine", "x" * 500))
    with pytest.raises(InvalidInput, match=r"Row 2, column 'x'") as caught:
        read_as(Storage.FLOAT, column, Storage.STRING)
    assert len(str(caught.value)) < 250


def test_sparse_vectors_take_the_dimension_of_training():
    matrix = csr_matrix(np.array([[0, 1, 0, 2], [3, 0, 0, 0]], np.float32))

    def schema(dim):
        return Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=dim),))

    dataset = Dataset(schema(4), {"v": Vectors(matrix)}, 2)
    assert conform(dataset, schema(6))["v"].matrix.toarray().tolist() == [[0, 1, 0, 2, 0, 0], [3, 0, 0, 0, 0, 0]]
    assert conform(dataset, schema(3))["v"].matrix.toarray().tolist() == [[0, 1, 0], [3, 0, 0]]
