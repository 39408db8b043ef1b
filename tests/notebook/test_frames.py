"""Tables to learn from and tables to be answered."""

# ruff: noqa: PD011 - columns of the engine have values

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from athanor.engine.tables.schema import ColumnType
from athanor.errors import InvalidInput
from athanor.notebook.frames import as_trained, beside, free_name, gathered, name_of


@pytest.fixture
def dataset():
    return gathered({"age": [30, 40], "region": ["north", "south"]}).dataset


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1, 2),
        range(1, 3),
        np.array([1, 2]),
        np.array([[1], [2]]),
        pd.Series([1, 2]),
        pd.DataFrame({"any": [1, 2]}),
        pl.Series([1, 2]),
        pl.DataFrame({"any": [1, 2]}),
        pa.array([1, 2]),
        pa.chunked_array([[1], [2]]),
        iter([1, 2]),
    ],
    ids=lambda value: type(value).__module__ + "." + type(value).__name__,
)
def test_a_column_that_comes_alone_is_put_beside_the_others(dataset, values):
    whole = beside(dataset, "y", values)
    assert whole["y"].values.tolist() == [1.0, 2.0]
    assert whole.schema.names == ("age", "region", "y")


def test_categories_that_come_alone_stay_categories(dataset):
    for values in (pd.Series(pd.Categorical([3, 1])), pl.Series(["a", "b"], dtype=pl.Categorical)):
        column = beside(dataset, "y", values).schema["y"]
        assert (column.type, column.is_given) == (ColumnType.CATEGORICAL, True)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 2, 3], "2 rows and 'y' 3"),
        ("age", "got the text 'age'"),
        (np.ones((2, 2)).reshape(2, 2, 1), "one value a row"),
        (pd.DataFrame({"a": [1, 2], "b": [1, 2]}), "one column"),
        ({"a": 1}, "got a dict"),
    ],
)
def test_what_is_not_one_value_a_row_is_refused(dataset, values, told):
    with pytest.raises(InvalidInput, match=told):
        beside(dataset, "y", values)


def test_a_name_is_made_free_by_underscores():
    assert free_name("target", ["a"]) == "target"
    assert free_name("target", ["target", "target_"]) == "target__"


def test_a_column_that_came_alone_may_have_a_name_of_its_own():
    assert name_of(pd.Series([1], name="y")) == "y"
    assert name_of(pd.DataFrame({"y": [1]})) == "y"
    assert name_of(pl.Series("y", [1])) == "y"
    assert name_of(pd.Series([1])) is None
    assert name_of(pd.Series([1], name=0)) is None
    assert name_of(np.ones(1)) is None


def test_of_a_table_to_be_answered_only_the_columns_of_the_model_are_looked_at(dataset):
    rows = pd.DataFrame({"strange": [object()], "region": ["south"], "age": [3]})
    assert as_trained(rows, dataset.schema)["age"].values.tolist() == [3.0]


def test_columns_that_are_not_there_are_named(dataset):
    with pytest.raises(InvalidInput, match="trained on columns that are not there: 'region'"):
        as_trained(pd.DataFrame({"age": [3]}), dataset.schema)


def test_cells_are_read_as_training_read_them(dataset):
    rows = as_trained(pl.DataFrame({"age": ["31", None], "region": [1, 2]}), dataset.schema)
    assert rows["age"].values.tolist()[0] == 31.0
    assert list(rows["region"].vocabulary) == ["1", "2"]


def test_no_rows_give_no_answers(dataset):
    rows = as_trained(pd.DataFrame({"age": [], "region": []}), dataset.schema)
    assert rows.n_rows == 0


def test_the_fields_of_a_struct_are_columns_of_their_own():
    people = pl.DataFrame({"who": [{"age": 30, "name": "a"}, {"age": 40, "name": "b"}]})
    schema = gathered(people).dataset.schema
    assert schema.names == ("who.age", "who.name")
    assert as_trained(people, schema)["who.age"].values.tolist() == [30.0, 40.0]


def test_infinite_numbers_are_missing_which_is_said():
    found = gathered({"x": [1.0, np.inf], "y": [1, 2]})
    assert np.isnan(found.dataset["x"].values[1])
    assert "infinite" in found.warnings[0]
