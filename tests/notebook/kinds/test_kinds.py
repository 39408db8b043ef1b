"""Every kind of table: the same rows give the same dataset, and answers come in the kind of the rows."""

# ruff: noqa: PD011 - columns of the engine have values, and its times have no zone

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from athanor.errors import InvalidInput
from athanor.notebook.frames import gathered
from athanor.notebook.kinds import ASKED, KINDS, kind_of

AGES, REGIONS = [30, 40, 50], ["north", "south", None]
TABLES = {
    "pandas": pd.DataFrame({"age": AGES, "region": REGIONS}, index=[7, 8, 9]),
    "polars": pl.DataFrame({"age": AGES, "region": REGIONS}),
    "polars, lazy": pl.LazyFrame({"age": AGES, "region": REGIONS}),
    "arrow": pa.table({"age": AGES, "region": REGIONS}),
    "arrow, a batch": pa.record_batch({"age": pa.array(AGES), "region": pa.array(REGIONS)}),
    "numpy": np.array(list(zip(AGES, ["north", "south", ""], strict=True)), dtype=[("age", "i8"), ("region", "U5")]),
    "rows": [{"age": age, "region": region} for age, region in zip(AGES, REGIONS, strict=True)],
    "columns": {"age": np.array(AGES), "region": REGIONS},
}


@pytest.fixture
def a_file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("age,region\n30,north\n40,south\n50,\n")
    return path


@pytest.mark.parametrize("name", TABLES)
def test_the_same_rows_are_the_same_dataset_whatever_holds_them(name, a_file):
    found, wanted = gathered(TABLES[name]).dataset, gathered(a_file).dataset
    assert [(c.name, c.type, c.storage) for c in found.schema.columns] == [
        (c.name, c.type, c.storage) for c in wanted.schema.columns
    ]
    assert found["age"].values.tolist() == wanted["age"].values.tolist()
    words = [
        [None if code < 0 else d["region"].vocabulary[code] for code in d["region"].codes] for d in (found, wanted)
    ]
    assert words[0] == words[1] == REGIONS


def test_every_kind_is_asked_once():
    assert sorted(ASKED) == KINDS.names()


@pytest.mark.parametrize(
    ("data", "one", "many"),
    [
        (TABLES["pandas"], pd.Series, pd.DataFrame),
        (TABLES["polars"], pl.Series, pl.DataFrame),
        (TABLES["polars, lazy"], pl.Series, pl.DataFrame),
        (TABLES["arrow"], pa.Array, pa.Table),
        (TABLES["arrow, a batch"], pa.Array, pa.RecordBatch),
        (np.ones((3, 2)), np.ndarray, np.ndarray),
        (sparse.csr_matrix(np.eye(3)), np.ndarray, np.ndarray),
        (TABLES["rows"], list, list),
        (TABLES["columns"], np.ndarray, dict),
    ],
    ids=["pandas", "polars", "lazy", "arrow", "batch", "numpy", "sparse", "rows", "columns"],
)
@pytest.mark.parametrize("answers", [np.array(["a", "b", "a"]), np.array([1, 2, 3]), np.array([True, False, True])])
def test_answers_have_the_kind_of_the_rows(data, one, many, answers):
    kind = kind_of(data)
    assert isinstance(kind.one(data, "y", answers), one)
    assert list(np.asarray(kind.one(data, "y", answers)).tolist()) == answers.tolist()
    several = kind.many(data, {"low": np.zeros(3), "high": np.ones(3)})
    assert isinstance(several, many)
    assert len(several) in {3, 2}  # rows, or columns of a dict


def test_answers_have_the_index_of_the_rows_and_the_name_of_the_target():
    data = TABLES["pandas"]
    answers = kind_of(data).one(data, "buys", np.array(["a", "b", "a"]))
    assert answers.index.tolist() == [7, 8, 9]
    assert answers.name == "buys"
    assert kind_of(data).many(data, {False: np.zeros(3), True: np.ones(3)}).columns.tolist() == [False, True]


def test_a_sparse_matrix_is_one_sparse_vector_column():
    dataset = gathered(sparse.coo_matrix(np.eye(3))).dataset
    assert dataset.schema["features"].dim == 3
    assert dataset["features"].is_sparse


def test_a_dict_may_have_a_matrix_among_its_columns():
    dataset = gathered({"age": AGES, "embedding": np.arange(6).reshape(3, 2)}).dataset
    assert dataset["embedding"].matrix.tolist() == [[0, 1], [2, 3], [4, 5]]


def test_rows_without_names_are_numbered_as_those_of_a_matrix():
    assert gathered([[1, "a"], [2, "b"]]).dataset.schema.names == ("x0", "x1")


def test_a_frame_that_gives_itself_as_an_arrow_stream_is_taken():
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            return TABLES["polars"].__arrow_c_stream__(requested_schema)

    assert gathered(Frame()).dataset.schema.names == ("age", "region")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, "got nothing"),
        (3, "got a int"),
        ([], "has no row"),
        (pd.DataFrame(), "has no row"),
        (pl.DataFrame(), "has no row"),
        (np.empty((0, 3)), "has no row"),
        ([1, 2], "Row 1 is a int"),
        ({"a": [1], "b": [1, 2]}, "equally many rows"),
        ({}, "no column"),
        ({"a": 3}, "Expected the cells of 'a'"),
    ],
    ids=str,
)
def test_what_is_no_table_is_refused_in_words(data, told):
    with pytest.raises(InvalidInput, match=told):
        gathered(data)
