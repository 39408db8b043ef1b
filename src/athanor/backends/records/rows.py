"""A noun as a row and back, derived from the types of its fields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, from_json

from athanor.errors import InvalidInput

N = TypeVar("N")
Plain = Any  # what a column holds: str, int, float, bool, UUID, datetime (UTC), None, or what JSON can say
Row = Mapping[str, Plain]

WHOLE_NUMBERS = range(-(2**63), 2**63)  # what a database's widest integer holds


class Kind(StrEnum):
    """How a field stands in its column."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    FLAG = "flag"
    ID = "id"
    TIME = "time"
    WORD = "word"  # a member of an enum, by its value
    JSON = "json"  # everything that is made of parts


KINDS: Mapping[type, Kind] = {
    str: Kind.TEXT,
    int: Kind.WHOLE,
    float: Kind.NUMBER,
    bool: Kind.FLAG,
    UUID: Kind.ID,
    datetime: Kind.TIME,
}


@dataclass(frozen=True)
class Field:
    """One field of a noun. `type` is its annotation without `| None`."""

    name: str
    type: Any
    is_optional: bool
    kind: Kind

    @property
    def is_scalar(self) -> bool:
        return self.kind is not Kind.JSON

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.type)

    def to_plain(self, value: Any) -> Plain:
        """What the column holds for `value`. Raises InvalidInput where no database could."""
        if value is None:
            return None
        return _TO_PLAIN[self.kind](self, value)

    def from_plain(self, plain: Plain) -> Any:
        if plain is None:
            return None
        if self.kind is Kind.WORD:
            return self.type(plain)
        return self.adapter.validate_python(plain) if self.kind is Kind.JSON else plain

    def asked(self, value: Any) -> Plain:
        """What a query for `value` compares the column with. Raises ValueError for a value of another type."""
        if value is None:
            return None
        if self.kind is Kind.WORD and isinstance(value, str):
            return self.type(value).value
        fits = isinstance(value, (int, float) if self.kind is Kind.NUMBER else self.type)
        if not fits or (isinstance(value, bool) and self.kind is not Kind.FLAG):
            raise ValueError(f"Field {self.name!r} is {self.kind.value} and cannot be asked for {value!r}.")
        return self.to_plain(value)

    def can_hold(self, value: Any) -> bool:
        """Whether a stored noun may have this value at all. What no column can hold, nothing matches."""
        if isinstance(value, str):
            return is_storable_text(value)
        return not isinstance(value, int) or value in WHOLE_NUMBERS


class Shape(Generic[N]):
    """The fields of one noun class, and the way between its objects and rows."""

    def __init__(self, noun_type: type[N]) -> None:
        self.noun_type = noun_type

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        hints = get_type_hints(self.noun_type)
        return {field.name: _field(field.name, hints[field.name]) for field in dataclasses.fields(self.noun_type)}  # type: ignore[arg-type]

    def scalar(self, name: str, *kinds: Kind) -> Field:
        """The field to search or sort by. Raises ValueError where there is none, or not of these kinds."""
        field = self.fields.get(name)
        if field is None or not field.is_scalar or (kinds and field.kind not in kinds):
            raise ValueError(f"{self.noun_type.__name__} has no {' or '.join(kinds) or 'scalar'} field {name!r}.")
        return field

    def to_row(self, noun: N) -> dict[str, Plain]:
        return {name: field.to_plain(getattr(noun, name)) for name, field in self.fields.items()}

    def from_row(self, row: Row) -> N:
        return self.noun_type(**{name: field.from_plain(row[name]) for name, field in self.fields.items()})


def is_storable_text(text: str) -> bool:
    """Neither NUL, which PostgreSQL refuses, nor half a surrogate pair, which no UTF-8 can say."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _field(name: str, hint: Any) -> Field:
    parts = [part for part in get_args(hint) if part is not NoneType] if _is_optional(hint) else []
    inner = parts[0] if len(parts) == 1 else hint
    is_word = isinstance(inner, type) and issubclass(inner, Enum)
    kind = Kind.WORD if is_word else KINDS.get(inner, Kind.JSON)
    return Field(name=name, type=inner, is_optional=_is_optional(hint), kind=kind)


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) in {Union, UnionType} and NoneType in get_args(hint)


def _text(field: Field, value: str) -> str:
    if not is_storable_text(value):
        raise InvalidInput(f"`{field.name}` must not have NUL or half of a surrogate pair.", field=field.name)
    return str(value)


def _whole(field: Field, value: int) -> int:
    if value not in WHOLE_NUMBERS:
        raise InvalidInput(f"`{field.name}` must fit into 64 bits, got {value}.", field=field.name)
    return int(value)


def _number(field: Field, value: float) -> float:
    # SQLite would keep NaN as NULL, and sort it as one.
    if value != value:  # noqa: PLR0124
        raise InvalidInput(f"`{field.name}` must be a number, got NaN.", field=field.name)
    return float(value)


def _time(field: Field, value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"Field {field.name!r} must say its time zone, got {value!r}.")
    return value.astimezone(UTC)


def _json(field: Field, value: Any) -> Plain:
    # Through the text, which turns NaN and infinity into null: PostgreSQL knows neither.
    try:
        plain = from_json(field.adapter.dump_json(value))
    except PydanticSerializationError as error:
        raise InvalidInput(f"`{field.name}` cannot be said in JSON: {error}.", field=field.name) from error
    return sorted(plain) if isinstance(value, AbstractSet) else plain  # equal sets make equal rows


_TO_PLAIN: Mapping[Kind, Callable[[Field, Any], Plain]] = {
    Kind.TEXT: _text,
    Kind.WHOLE: _whole,
    Kind.NUMBER: _number,
    Kind.FLAG: lambda _, value: bool(value),
    Kind.ID: lambda _, value: value,
    Kind.TIME: _time,
    Kind.WORD: lambda _, value: value.value,
    Kind.JSON: _json,
}
