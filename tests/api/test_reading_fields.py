"""How a file is to be read, as forms and queries say it."""

import dataclasses

import pytest

from athanor.api.reading_fields import READING, check_fields, reading_options
from athanor.engine.readers import ReaderOptions
from athanor.errors import InvalidInput

OURS = {"max_inflated_bytes", "block_bytes"}  # options that no sender chooses


def test_fields_say_how_a_file_is_read():
    fields = {
        "format": "csv",
        "delimiter": "tab",
        "quote": "",
        "encoding": "cp1252",
        "has_header": "False",
        "decimal": ",",
        "sheet": "s",
        "member": "m",
        "dim": "3",
        "name": "no matter",
    }
    assert reading_options(fields) == ReaderOptions(
        format="csv",
        delimiter="\t",
        quote="",
        encoding="cp1252",
        has_header=False,
        decimal=",",
        sheet="s",
        member="m",
        dim=3,
    )
    assert set(READING) == set(fields) - {"name"} == {field.name for field in dataclasses.fields(ReaderOptions)} - OURS


def test_fields_that_are_empty_or_about_something_else_say_nothing():
    assert reading_options({"name": "x", "delimiter": "", "dim": "", "has_header": ""}) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("has_header", "perhaps"),
        ("dim", "-1"),
        ("dim", "1.5"),
        ("dim", "9" * 30),
        ("dim", "٣"),
        ("sheet", "x" * 2000),
        ("quote", "\0"),
    ],
)
def test_a_field_that_says_what_cannot_be_is_named(field, value):
    with pytest.raises(InvalidInput) as raised:
        reading_options({field: value})
    assert raised.value.field == field


def test_a_field_that_nobody_knows_is_refused_with_those_that_are_known():
    check_fields({"name": "x"}, ("name", "dim"))
    with pytest.raises(InvalidInput, match="Known: name, dim"):
        check_fields({"delimeter": "x"}, ("name", "dim"))
