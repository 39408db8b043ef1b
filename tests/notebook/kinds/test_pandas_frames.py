"""pandas frames: each of its types has a meaning, rows keep their index, and names are checked."""

# ruff: noqa: DTZ001, PD011 - columns of the engine have values, and its times have no zone

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from athanor.engine.tables.dataset import Numbers, Times, Words
from athanor.errors import InvalidInput
from athanor.notebook.frames import gathered

NAN = float("nan")


def column_of(series):
    dataset = gathered(pd.DataFrame({"x": series})).dataset
    column, schema = dataset["x"], dataset.schema["x"]
    if isinstance(column, Words):
        cells = [None if code < 0 else column.vocabulary[code] for code in column.codes]
    elif isinstance(column, Times):
        cells = [None if np.isnat(moment) else str(moment) for moment in column.values]
    else:
        assert isinstance(column, Numbers)
        cells = [None if np.isnan(value) else value for value in column.values.tolist()]
    return schema.type.value, schema.storage.value, cells


@pytest.mark.parametrize(
    ("series", "found"),
    [
        (pd.Series([1, 2, 2]), ("numeric", "integer", [1, 2, 2])),
        (pd.Series([1.5, NAN, np.inf]), ("numeric", "float", [1.5, None, None])),
        (pd.Series([1, 2, 2], dtype="uint8"), ("numeric", "integer", [1, 2, 2])),
        (pd.Series([1, 2, 2], dtype="float16"), ("numeric", "float", [1, 2, 2])),
        (pd.Series([True, False, True]), ("boolean", "boolean", [1, 0, 1])),
        (pd.Series(["a", None, "b"]), ("categorical", "string", ["a", None, "b"])),
        (pd.Series(["a", None, "b"], dtype="string"), ("categorical", "string", ["a", None, "b"])),
        (pd.Series([1, None, 3], dtype="Int64"), ("numeric", "integer", [1, None, 3])),
        (pd.Series([True, None, False], dtype="boolean"), ("boolean", "boolean", [1, None, 0])),
        (pd.Series([1.5, None, 3], dtype="Float32"), ("numeric", "float", [1.5, None, 3])),
        (pd.Series([1, None, 3], dtype=pd.ArrowDtype(pa.int32())), ("numeric", "integer", [1, None, 3])),
        (pd.Series(pd.arrays.SparseArray([0.0, 1.0, 0.0])), ("numeric", "float", [0, 1, 0])),
        (pd.Series(pd.to_timedelta([1, 90, 3], unit="s")), ("numeric", "float", [1, 90, 3])),
    ],
    ids=lambda value: str(getattr(value, "dtype", "")),
)
def test_a_column_means_what_a_file_of_its_cells_would(series, found):
    assert column_of(series) == found


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.to_datetime(["2020-01-01 12:00", None, "2020-01-03"], format="mixed")),
        pd.Series(pd.to_datetime(["2020-01-01 13:00", None, "2020-01-03 01:00"], format="mixed")).dt.tz_localize(
            "Europe/Berlin"
        ),
        pd.Series([dt.datetime(2020, 1, 1, 12), None, dt.date(2020, 1, 3)], dtype=object),
    ],
    ids=["naive", "with a zone", "objects"],
)
def test_times_are_utc_whatever_their_zone_is(series):
    assert column_of(series) == (
        "datetime",
        "datetime",
        ["2020-01-01T12:00:00.000000", None, "2020-01-03T00:00:00.000000"],
    )


def test_a_period_is_the_time_at_which_it_begins():
    assert column_of(pd.Series(pd.period_range("2020-01", periods=2, freq="M")))[2] == [
        "2020-01-01T00:00:00.000000",
        "2020-02-01T00:00:00.000000",
    ]


@pytest.mark.parametrize(
    ("categories", "storage", "cells"),
    [
        (["u", None, "v"], "string", ["u", None, "v"]),
        ([3, 1, 3], "integer", [3, 1, 3]),
        ([True, False, True], "boolean", [1, 0, 1]),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "string", ["2020-01-01T00:00:00", "2021-01-01T00:00:00"]),
        (pd.cut([1, 5], [0, 4, 8]), "string", ["(0, 4]", "(4, 8]"]),
    ],
    ids=["words", "numbers", "truths", "times", "intervals"],
)
def test_categories_of_pandas_are_categories_whatever_they_are_made_of(categories, storage, cells):
    assert column_of(pd.Series(pd.Categorical(categories))) == ("categorical", storage, cells)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([1, "two", None], ("categorical", "string", ["1", "two", None])),
        ([1, None, 2.5], ("numeric", "float", [1, None, 2.5])),
        ([True, None, False], ("boolean", "boolean", [1, None, 0])),
        ([pd.NA, pd.NaT, "a"], ("categorical", "string", [None, None, "a"])),
        ([2**60, 1, 2], ("categorical", "string", [str(2**60), "1", "2"])),
    ],
    ids=["numbers and words", "numbers", "truths", "gaps", "numbers beyond float64"],
)
def test_objects_of_several_kinds_are_what_holds_them_all(cells, found):
    assert column_of(pd.Series(cells, dtype=object)) == found


def test_names_that_are_no_text_become_text_and_the_index_is_no_column():
    dataset = gathered(pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"])).dataset
    assert dataset.schema.names == ("0", "1")


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        (["a", "a"], "Two columns are named 'a'"),
        ([1, "1"], "Two columns are named '1'"),
        (pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]), "several levels"),
        (["a", " "], "blank"),
        (["a", "*"], "stands for other names"),
    ],
)
def test_names_that_do_not_tell_columns_apart_are_refused_in_words(columns, told):
    with pytest.raises(InvalidInput, match=told):
        gathered(pd.DataFrame([[1, 2]], columns=columns))


@pytest.mark.parametrize(
    ("cells", "told"),
    [([1j, 2j], "complex128"), ([object(), 1], "Row 1, column 'x': a object"), ([{1}, {2}], "a set is no cell")],
)
def test_a_cell_that_no_table_has_is_refused_with_its_column(cells, told):
    with pytest.raises(InvalidInput, match=told):
        gathered(pd.DataFrame({"x": cells}))
