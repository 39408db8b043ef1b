"""Tables read from files."""

# ruff: noqa: PD011 - columns of the engine have values

import pandas as pd
import polars as pl
import pytest

from athanor.errors import InvalidInput, NotFound
from athanor.notebook.frames import as_trained, gathered
from athanor.notebook.table import read


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("born;region;spends\n01.02.1990;north;1,5\n28.12.1980;<south>;\n")
    return path


def test_a_file_is_a_table_whose_columns_have_types_and_meanings(file):
    table = read(file)
    assert len(table) == 2
    assert table.columns == ["born", "region", "spends"]
    assert (table.types["born"], table.types["region"]) == ("datetime", "categorical")
    assert table.to_polars()["spends"].to_list() == [1.5, None]


def test_it_is_given_out_as_a_frame_of_either_kind(file):
    table = read(str(file))
    assert isinstance(table.to_polars(), pl.DataFrame)
    frame = table.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.born.tolist() == [pd.Timestamp("1990-02-01"), pd.Timestamp("1980-12-28")]
    assert frame.spends.isna().tolist() == [False, True]


def test_it_shows_itself_with_what_strangers_wrote_escaped(file):
    shown = read(file)._repr_html_()
    assert "2 rows, 3 columns (csv)" in shown
    assert "&lt;south&gt;" in shown
    assert "<south>" not in shown
    assert "born: datetime" in repr(read(file))


def test_it_can_be_learned_from_and_answered_as_the_file_itself(file):
    learned = gathered(read(file)).dataset
    assert learned.schema == gathered(file).dataset.schema
    by_file, by_table = (as_trained(rows, learned.schema) for rows in (file, read(file)))
    assert by_file["born"].values.tolist() == by_table["born"].values.tolist()


def test_options_say_what_the_owner_knows(file):
    assert read(file, delimiter=";", decimal=",").types["born"] == "datetime"
    with pytest.raises(InvalidInput, match="No reading option 'sep'"):
        read(file, sep=";")


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(NotFound, match="There is no file"):
        read(tmp_path / "none.csv")


def test_rows_that_cannot_be_read_are_left_out_of_a_training_but_each_row_to_be_answered_must_be_there(tmp_path):
    rows = "".join(f"{number},{number % 3}\n" for number in range(40))
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(f"a,b\n{rows}")
    bad.write_text(f"a,b\n{rows}1,2,3\n")
    assert len(read(bad)) == 40
    assert "rejected" in read(bad).warnings[0]
    with pytest.raises(InvalidInput, match="1 rows that cannot be read: line 42"):
        as_trained(bad, read(good).schema)
