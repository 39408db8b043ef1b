"""What `Collection.find` is asked for, checked against the fields of the noun; the same for every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from athanor.backends.records.rows import WHOLE_NUMBERS, Field, Kind, Plain, Shape, is_storable_text
from athanor.errors import InvalidInput

MAX_SEARCH = 1000  # characters; SQLite refuses patterns above 50,000 bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Rows whose fields have one of the given values, and that have the text in one of the searched fields."""

    where: Sequence[tuple[Field, Sequence[Plain]]]
    text: str  # "" where nothing is searched
    searched: Sequence[Field]
    sort: Field
    descending: bool
    limit: int | None
    offset: int


def make_query(
    shape: Shape[Any],
    where: Mapping[str, Any] | None,
    *,
    search: tuple[str, Sequence[str]] | None,
    sort: str,
    descending: bool,
    limit: int | None,
    offset: int,
) -> Query:
    """Raises ValueError where the fields or numbers are wrong, InvalidInput where the searched text is too long."""
    if offset < 0 or (limit is not None and limit < 0):
        raise ValueError(f"`limit` and `offset` must not be negative, got {limit} and {offset}.")
    text, names = search or ("", ())
    if len(text) > MAX_SEARCH:
        raise InvalidInput(f"The text to search for has {len(text)} characters; {MAX_SEARCH} are allowed.")
    return Query(
        where=[_wanted(shape.scalar(name), value) for name, value in (where or {}).items()],
        text=text,
        searched=[shape.scalar(name, Kind.TEXT) for name in names],
        sort=shape.scalar(sort),
        descending=descending,
        limit=None if limit is None else min(limit, WHOLE_NUMBERS[-1]),
        offset=min(offset, WHOLE_NUMBERS[-1]),
    )


def can_match(query: Query) -> bool:
    """Whether any row could match: a field asked for none of nothing, or a text that cannot be stored, match none."""
    return all(values for _, values in query.where) and is_storable_text(query.text)


def _wanted(field: Field, value: Any) -> tuple[Field, Sequence[Plain]]:
    values = value if isinstance(value, (tuple, list, set, frozenset)) else (value,)
    return field, [field.asked(one) for one in values if field.can_hold(one)]
