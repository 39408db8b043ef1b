"""The rows that could not be read, as a file for their owner."""

import csv
import io

from athanor.engine.readers import Reject
from athanor.engine.readers.rejects import REJECTS_HEADER, write_rejects


def test_rejected_rows_come_back_from_their_file_as_they_were():
    rejects = [Reject(line=3, reason="2 fields", text='a,"b'), Reject(line=9, reason="NUL", text="two\r\nlines, é")]
    stream = io.StringIO(newline="")
    write_rejects(stream, rejects)
    stream.seek(0)
    assert [tuple(row) for row in csv.reader(stream)] == [
        ("line", "reason", "text"),
        ("3", "2 fields", 'a,"b'),
        ("9", "NUL", "two\r\nlines, é"),
    ]


def test_a_file_without_rejected_rows_is_the_header():
    stream = io.StringIO(newline="")
    write_rejects(stream, [])
    assert stream.getvalue() == REJECTS_HEADER
