"""Columns: what they mean, and who says so."""

from __future__ import annotations

import json

import pytest

from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput

SCHEMA = Schema(
    (
        ColumnSchema(name="age", type=ColumnType.NUMERIC, storage=Storage.INTEGER, reason="the whole numbers 1 to 9"),
        ColumnSchema(name="face", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=64),
    )
)


def test_what_the_user_says_of_a_column_is_marked_as_given():
    given = SCHEMA.with_types({"age": ColumnType.CATEGORICAL})
    assert (given["age"].type, given["age"].is_given) == (ColumnType.CATEGORICAL, True)
    assert given["age"].storage is Storage.INTEGER
    assert given["face"] == SCHEMA["face"]
    assert not SCHEMA["age"].is_given


def test_a_type_for_a_column_that_is_not_there_is_refused():
    with pytest.raises(InvalidInput, match="No column named 'size'"):
        SCHEMA.with_types({"size": ColumnType.NUMERIC})


def test_a_schema_is_read_from_json_as_it_was_written():
    schema = SCHEMA.with_types({"age": ColumnType.CATEGORICAL})
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_a_schema_that_was_written_before_columns_knew_who_said_it_is_still_read():
    written = [{name: cell for name, cell in column.items() if name != "is_given"} for column in SCHEMA.to_json()]
    assert Schema.from_json(written) == SCHEMA
