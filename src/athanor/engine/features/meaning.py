"""What a column is to a view: which kind of encoder reads it."""

from __future__ import annotations

from enum import Enum, auto

from athanor.engine.tables.dataset import Column, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType


class Meaning(Enum):
    NUMBER = auto()
    CATEGORY = auto()
    TIME = auto()
    TEXT = auto()
    VECTOR = auto()
    NOTHING = auto()  # ids and constants say nothing about other rows; pictures are not looked at


def meaning_of(column: Column, schema: ColumnSchema) -> Meaning:
    """The semantic type decides, as far as the stored cells can follow it."""
    if schema.type in {ColumnType.ID, ColumnType.CONSTANT, ColumnType.IMAGE}:
        return Meaning.NOTHING
    match column:
        case Vectors():
            return Meaning.VECTOR
        case Times():
            return Meaning.TIME
        case Numbers():
            is_number = schema.type not in {ColumnType.CATEGORICAL, ColumnType.TEXT}
            return Meaning.NUMBER if is_number else Meaning.CATEGORY
        case Words():
            return {ColumnType.TEXT: Meaning.TEXT, ColumnType.NUMERIC: Meaning.NUMBER}.get(
                schema.type, Meaning.CATEGORY
            )
