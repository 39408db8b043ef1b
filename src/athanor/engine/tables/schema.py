"""What the columns of a table are: how they are stored and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from athanor.errors import InvalidInput


class ColumnType(StrEnum):
    """What a column means for learning."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    TEXT = "text"
    ID = "id"
    CONSTANT = "constant"
    VECTOR = "vector"
    IMAGE = "image"  # paths of pictures


class Storage(StrEnum):
    """How a column's values are stored, and so how a label or a cell is spelled back to its owner."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRING = "string"
    DATETIME = "datetime"  # microseconds since 1970-01-01, UTC
    DENSE = "dense"  # float32 vectors of one length
    SPARSE = "sparse"  # CSR float32 vectors of one length

    @property
    def is_vector(self) -> bool:
        return self in {Storage.DENSE, Storage.SPARSE}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSchema:
    """One column: its name, meaning, storage, and why it was taken to mean that."""

    name: str
    type: ColumnType
    storage: Storage
    reason: str = ""
    dim: int | None = None  # components of a vector column
    spelling: str = ""  # a name in `spellings.SPELLINGS`, where texts are spelled in a way of their own
    is_given: bool = False  # the user said what it means


_FIELDS = tuple(field.name for field in fields(ColumnSchema))


def vector_missing(name: str) -> InvalidInput:
    """The error where a table lacks a vector column: no vector stands for one that is not there."""
    return InvalidInput(f"The vector column {name!r} is not there, and a vector cannot be missing.", field=name)


@dataclass(frozen=True)
class Schema:
    """The columns of a table in their order."""

    columns: tuple[ColumnSchema, ...]

    @cached_property
    def _by_name(self) -> dict[str, ColumnSchema]:
        return {column.name: column for column in self.columns}

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> ColumnSchema:
        return self.column(name)

    def column(self, name: str, *, field: str | None = None) -> ColumnSchema:
        """The column. Raises InvalidInput with the field of the request that named it."""
        if name in self._by_name:
            return self._by_name[name]
        raise InvalidInput(f"No column named {name!r}. The columns are: {', '.join(self.names[:50])}.", field=field)

    def select(self, names: tuple[str, ...] | list[str], *, field: str | None = None) -> Schema:
        return Schema(tuple(self.column(name, field=field) for name in names))

    def with_types(self, overrides: Mapping[str, ColumnType]) -> Schema:
        """The same columns, some of them meaning what their owner says they mean."""
        for name in overrides:
            _ = self[name]
        return Schema(
            tuple(
                replace(column, type=overrides[column.name], reason="given by the user", is_given=True)
                if column.name in overrides
                else column
                for column in self.columns
            )
        )

    def to_json(self) -> list[dict[str, Any]]:
        # Not by `asdict`, which copies each value: with 10,000 columns that took seconds.
        values = [{name: getattr(column, name) for name in _FIELDS} for column in self.columns]
        return [{**each, "type": each["type"].value, "storage": each["storage"].value} for each in values]

    @classmethod
    def from_json(cls, given: list[dict[str, Any]]) -> Schema:
        return cls(
            tuple(ColumnSchema(**{**c, "type": ColumnType(c["type"]), "storage": Storage(c["storage"])}) for c in given)
        )
