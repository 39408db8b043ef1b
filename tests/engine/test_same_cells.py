"""The same value gives the same cell, whether it comes in a file or in a row."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from athanor.engine.readers import ReaderOptions, read
from athanor.engine.readers.segmenting import write_segments
from athanor.engine.tables.dataset import Words
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.rows import rows_to_dataset
from athanor.engine.tables.segments import read_segments

OPTIONS = ReaderOptions(delimiter=",", quote='"', has_header=True)

words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5) | st.sampled_from(
    ["a", "None", "NA", "?", " b ", "01", "true", "1e5", "inf", "-", "2024-01-01", "9" * 17, "x\ny", '"', ","]
)
times = st.datetimes().map(lambda moment: moment.isoformat()) | st.dates().map(lambda day: day.isoformat())
floats = st.floats(allow_nan=False, allow_infinity=False)
spelled_numbers = st.sampled_from(["1,5", "1.234,5", "2", "-0,25", "1\u202f234,5"]) | st.integers(-9, 9).map(str)
spelled_dates = st.dates().map("{0.day:02}.{0.month:02}.{0.year:04}".format)
ambiguous = st.sampled_from(["03/04/2024", "05/06/2024 10:30", "13/01/2024", "01/13/2024 1:05 PM", "1,234", "12,345"])
kinds = st.sampled_from(
    [st.integers(), st.integers(-9, 9), floats, floats | st.integers(), st.booleans(), words, times, words | floats,
     spelled_numbers, spelled_dates, ambiguous]
)  # fmt: skip


@st.composite
def json_rows(draw):
    """Rows of a table whose columns each hold one kind of value, or several, or none."""
    columns = draw(st.lists(kinds, min_size=1, max_size=4))
    cells = [column | st.none() for column in columns]
    rows = st.lists(st.tuples(*cells), min_size=1, max_size=6)
    return [{f"c{position}": cell for position, cell in enumerate(row)} for row in draw(rows)]


def as_csv(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def spelled(column):
    if isinstance(column, Words):
        return [None if code < 0 else column.vocabulary[code] for code in column.codes]
    return column.values


def assert_same_cells(first, second):
    assert first.n_rows == second.n_rows
    for name in first.schema.names:
        np.testing.assert_array_equal(spelled(first[name]), spelled(second[name]), err_msg=name)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_rows())
@example([{"c0": "None"}, {"c0": 1.0}])
@example([{"c0": "2024-01-01"}, {"c0": None}])
def test_a_value_from_a_file_and_from_a_row_are_one(tmp_path, rows):
    path = tmp_path / "table.csv"
    path.write_bytes(as_csv(rows).encode())
    table = read(path, options=OPTIONS)
    from_file = to_dataset(table.frame, table.schema)

    assert_same_cells(from_file, rows_to_dataset(json.loads(json.dumps(rows)), table.schema))

    again = read(path, options=OPTIONS, schema=table.schema)
    assert_same_cells(from_file, to_dataset(again.frame, table.schema))

    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        written = write_segments(path, Path(folder), options=OPTIONS)
        assert written.schema == table.schema
        paths = [segment.path for segment in written.segments]
        assert_same_cells(from_file, read_segments(paths, written.schema))
