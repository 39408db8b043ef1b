"""Bytes made into UTF-8, whatever encoding they have and however they are cut."""

from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.readers import Notes
from athanor.engine.readers.content import is_text, utf8_pieces
from athanor.errors import InvalidInput

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


def decoded(content, encoding=None, size=1000):
    notes = Notes()
    return b"".join(utf8_pieces(io.BytesIO(content), encoding, size, notes)).decode(), notes.warnings


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=40), encoding=st.sampled_from(list(MARKS)), size=st.integers(1, 9))
def test_a_mark_tells_the_encoding_and_no_letter_is_cut(text, encoding, size):
    assert decoded(MARKS[encoding] + text.encode(encoding), size=size) == (text, [])


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=40), size=st.integers(1, 9))
def test_utf8_needs_no_mark(text, size):
    assert decoded(text.encode(), size=size) == (text, [])


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_line_that_is_not_utf8_is_windows_1252_and_the_first_is_named(size):
    text, (warning,) = decoded("a\nb\né\nö\n".encode("cp1252"), size=size)
    assert text == "a\nb\né\nö\n"
    assert "Line 3 is not UTF-8, so" in warning


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"a\nb,\x81\n", None, r"neither UTF-8 \(line 2 is not\)"),
        (b"a\nb\n\xff", "utf-8", "not utf-8, from line 3"),
        ("a\r\né".encode(), "ascii", "not ascii, from line 2"),
        (codecs.BOM_UTF16_LE + b"a", None, "not utf-16-le"),
    ],
)
def test_what_cannot_be_decoded_is_named_by_its_line(content, encoding, message):
    with pytest.raises(InvalidInput, match=message):
        decoded(content, encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "UTF16", "utf_8_sig", "utf-8"])
def test_a_mark_and_an_owner_who_says_the_same_agree(encoding):
    assert decoded("é,1\n".encode(encoding), encoding)[0] == "é,1\n"
    assert decoded(codecs.BOM_UTF16_BE + "é".encode("utf-16-be"), "utf-16")[0] == "é"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"a,b\n1,2\n", True),
        (b"a,b\n1,\0\n", True),
        ("a,b\n".encode("utf-16-le"), True),
        (b"\0\1\2\3", False),
        (bytes(range(256)) * 4, False),
    ],
)
def test_text_is_told_from_other_bytes(head, expected):
    assert is_text(head) is expected
