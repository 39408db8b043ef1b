"""Real data: every file of the development bundle is read whole, and means what its notes say."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from pathlib import Path

import pytest

from athanor.engine.readers import read
from athanor.engine.tables.frames import to_dataset

SHARED = os.environ.get("ATHANOR_SHARED")
FOLDER = Path(SHARED or ".") / "data"
FILES = (
    sorted(path for path in FOLDER.rglob("*") if path.name.endswith((".csv", ".csv.gz", ".parquet"))) if SHARED else []
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED, reason="ATHANOR_SHARED does not name the development data"),
]


def rows_counted_otherwise(path):
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return sum(1 for fields in csv.reader(io.StringIO(content.decode(), newline="")) if fields) - 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_row_of_a_file_is_lost(path):
    table = read(path)
    if table.format == "csv":
        assert table.frame.height == rows_counted_otherwise(path)
    assert table.warnings == ()
    assert to_dataset(table.frame, table.schema).n_rows == table.frame.height


def described():
    return json.loads((FOLDER / "datasets.json").read_text()) if SHARED else []


@pytest.mark.parametrize("about", described(), ids=lambda about: about["name"])
def test_a_set_has_the_rows_and_columns_that_its_notes_say(about):
    path = FOLDER / about["files"].get("train", "")
    if not path.is_file() or path.suffix == ".zip":
        pytest.skip("no table of its own")
    table = read(path)
    assert table.frame.shape == (about["rows"], about["columns"])


def test_columns_mean_what_the_notes_say():
    def types(name):
        return {column.name: column.type.value for column in read(FOLDER / name).schema.columns}

    titanic = types("binary/titanic.csv")
    assert (titanic["PassengerId"], titanic["Name"], titanic["Age"]) == ("id", "text", "numeric")
    telco = types("binary/telco_churn.csv.gz")
    assert (telco["customerID"], telco["TotalCharges"], telco["Churn"]) == ("id", "numeric", "categorical")
    ames = read(FOLDER / "regression/ames_housing.csv.gz")
    assert "None" in ames.frame["Mas.Vnr.Type"].to_list()
    assert types("text/sms_spam.csv.gz") == {"label": "categorical", "text": "text"}
    assert types("regression/hotel_rates.csv.gz")["arrival_date"] == "datetime"
