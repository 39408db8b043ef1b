"""The count that a reading is checked against, itself checked against a third way of counting."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import scan as scanning
from athanor.engine.readers.records import Quotes, records
from athanor.engine.readers.scan import scan, with_plain_line_ends

fields = st.sampled_from(["", "a", "1", "x,y", 'q"q', "two\nlines", "ret\r\nurn", '"', '""', '",'])


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(fields, min_size=1, max_size=4), min_size=1, max_size=8),
    line_end=st.sampled_from(["\n", "\r\n"]),
    is_ended=st.booleans(),
    sparse=st.sampled_from([0, 256]),
)
def test_rows_and_fields_are_counted_whatever_stands_in_quotes(rows, line_end, is_ended, sparse):
    out = io.StringIO()
    csv.writer(out, lineterminator=line_end).writerows(rows)
    text = out.getvalue() if is_ended else out.getvalue().removesuffix(line_end)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "_SPARSE", sparse)  # both ways of looking at quotes
        found = scan(text.encode(), ",", '"')
    assert found.is_tidy
    assert found.widths.tolist() == [len(row) for row in rows]
    assert found.stop == len(text.encode())
    assert [record.fields for record in records(text, ",", '"')] == rows


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from('a,"\n\r'), max_size=30))
def test_both_ways_of_looking_at_quotes_see_the_same(text):
    found = []
    for sparse in (0, 256):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scanning, "_SPARSE", sparse)
            found.append(scan(text.encode(), ",", '"', is_last=False))
    first, second = found
    assert (first.stop, first.is_tidy, first.widths.tolist()) == (second.stop, second.is_tidy, second.widths.tolist())


def test_a_text_that_goes_on_ends_with_its_last_whole_record():
    found = scan(b'a,b\n1,2\n3,"x\ny', ",", '"', is_last=False)
    assert (found.stop, found.widths.tolist(), found.is_tidy) == (8, [2, 2], True)


@pytest.mark.parametrize("sparse", [0, 256])
@pytest.mark.parametrize("text", ['5" x,1\n', '"a"b,1\n', '"open,1\n', 'a,"b"" c\n', ' "a",1\n'])
def test_quotes_out_of_place_are_noticed(text, sparse, monkeypatch):
    monkeypatch.setattr(scanning, "_SPARSE", sparse)
    assert not scan(text.encode(), ",", '"').is_tidy


def test_records_know_the_line_they_begin_on():
    found = list(records('a,b\n"1\n2\n",3\n\n4,5', ",", '"'))
    assert [(record.line, record.is_blank) for record in found] == [(1, False), (2, False), (5, True), (6, False)]


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ('"1,2\n3,4\n', [Quotes.ENDLESS, Quotes.PAIRED]),
        ('"1,2\n"3,4\n"5","6"\n', [Quotes.UNCLOSED, Quotes.UNCLOSED, Quotes.PAIRED]),
        ('"1\n2",3\n', [Quotes.PAIRED]),
    ],
)
def test_a_record_whose_quotes_are_not_paired_is_its_first_line(text, quotes):
    found = list(records(text, ",", '"'))
    assert [record.quotes for record in found] == quotes
    assert found[-1].stop == len(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (b"a\rb\r\nc\r\r\nd\r", b"a\nb\r\nc\r\nd\n"),
        (b'"a\rb"\r"c\r\r\nd"\r\r\n', b'"a\rb"\n"c\r\r\nd"\r\n'),
        (b"a\r\rb", b"a\n\nb"),
    ],
)
def test_line_ends_are_made_plain_outside_quotes(text, plain):
    assert with_plain_line_ends(text, '"') == plain


def test_a_text_without_quotes_is_counted_too():
    found = scan(b"a,b\r\n1\r\n\r\n,,", ",", "")
    assert found.widths.tolist() == [2, 1, 1, 3]
    assert np.flatnonzero(found.starts == found.ends).tolist() == [2]
