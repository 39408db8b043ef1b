"""The count that a reading is checked against, itself checked against a third way of counting."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import scan as scanning
from athanor.engine.readers.records import records
from athanor.engine.readers.scan import scan

fields = st.sampled_from(["", "a", "1", "x,y", 'q"q', "two\nlines", "ret\r\nurn", '"', '""', '",'])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(fields, min_size=1, max_size=4), min_size=1, max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
    is_ended=st.booleans(),
    chunk=st.integers(1, 9),
)
def test_rows_and_fields_are_counted_whatever_stands_in_quotes(rows, line_end, is_ended, chunk):
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows(rows)
    text = out.getvalue() if is_ended else out.getvalue().removesuffix(line_end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_CHUNK", chunk)  # the state is carried over every possible border
        found = scan(text.encode(), ",", '"')
    assert found.is_tidy
    assert found.widths.tolist() == [len(row) for row in rows]
    assert [record.fields for record in records(text, ",", '"')] == rows


@pytest.mark.parametrize("text", ['5" x,1\n', '"a"b,1\n', '"open,1\n', 'a,"b"" c\n', ' "a",1\n'])
def test_quotes_out_of_place_are_noticed(text):
    assert not scan(text.encode(), ",", '"').is_tidy


def test_records_know_the_line_they_begin_on():
    found = list(records('a,b\n"1\n2\n",3\n\n4,5', ",", '"'))
    assert [(record.line, record.is_blank) for record in found] == [(1, False), (2, False), (5, True), (6, False)]


def test_a_record_that_ends_in_an_open_quote_says_so():
    assert [record.is_open for record in records('a,b\n"1,2\n', ",", '"')] == [False, True]


def test_a_text_without_quotes_is_counted_too():
    found = scan(b"a,b\r\n1\r\n\r\n,,", ",", "")
    assert found.widths.tolist() == [2, 1, 1, 3]
    assert np.flatnonzero(found.starts == found.ends).tolist() == [2]
