"""A JSON body made into fields. Of a large one the bulk stays where it is: matrices and base64 never become objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from athanor.errors import InvalidInput, TooLarge

Source = bytes | memoryview
# Of a body without its bulk: as Python objects it takes up to twenty times as much.
LARGEST_REST = 16 * 2**20
_PLACEHOLDER = "the value that stands elsewhere"
_NUMBERS = rb"[0-9eE+\-.,\s]*+"
_DENSE = rb"\[" + _NUMBERS + rb"\]"
_OBJECT = rb'\{[0-9eE+\-.,\s":]*+\}'
_PAIRS = rb"\[\s*+(?:" + _DENSE + rb"\s*+,?\s*+)*+\]"
# Ends of rows, by the kind of rows that an array holds throughout.
_ROW_ENDS: Mapping[str, re.Pattern[bytes]] = {
    "dense": re.compile(rb"\]"),
    "object": re.compile(rb"\}"),
    "pairs": re.compile(rb"\]\s*+\]"),
}
_ROWS = rb"|".join(
    rb"(?P<" + kind.encode() + rb">\[\s*+(?:" + row + rb"\s*+,?\s*+)*+\])"
    for kind, row in (("dense", _DENSE), ("object", _OBJECT), ("pairs", _PAIRS))
)
_BASE64 = rb'"(?P<base64>(?:[A-Za-z0-9+/=]++|\\[nrt/])*+)"'
_BETWEEN = re.compile(rb"\s*+(,?)\s*+")


@dataclass(frozen=True, slots=True)
class Bulk:
    """A value of a large body, still as it came: a base64 text without its quotes, or an array of rows of numbers.

    kind  "base64", "dense", "object" or "pairs"
    """

    kind: str
    source: memoryview


def read_fields(source: Source, bulky: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of the JSON object in `source`. Those named in `bulky` may be left as `Bulk`."""
    if bulky and (found := _bulk(source, bulky)) is not None:
        name, bulk, (start, end) = found
        view = memoryview(source)
        _check_rest(len(view) - (end - start))
        fields = _object(b"".join((view[:start], b'"', _PLACEHOLDER.encode(), b'"', view[end:])))
        # What was found may stand deeper, or be overridden by a field of the same name: then nothing is left out.
        if fields.get(name) == _PLACEHOLDER:
            fields[name] = bulk
            return fields
    _check_rest(len(source))
    return _object(bytes(source))


def rows_in_parts(bulk: Bulk, part_bytes: int = 2**20) -> Iterator[list[Any]]:
    """The rows of an array, some at a time, as Python lists."""
    source, end_of_row = bulk.source, _ROW_ENDS[bulk.kind]
    at, last = 1, len(source) - 1  # without the brackets around
    while at < last:
        ended = end_of_row.search(source, min(at + part_bytes, last), last)
        end = ended.end() if ended else last
        between = _BETWEEN.match(source, end, last)
        assert between is not None  # noqa: S101
        is_last = between.end() == last
        if bool(between.group(1)) is is_last:
            raise not_json("a comma between two rows is missing, or there is one too many")
        yield _parsed(b"".join((b"[", source[at:end], b"]")))
        at = between.end()


def not_json(reason: str) -> InvalidInput:
    return InvalidInput(f"The body is not well-formed JSON: {reason}.")


def _bulk(source: Source, names: Sequence[str]) -> tuple[str, Bulk, tuple[int, int]] | None:
    """The one bulky value. None where there is none, or several: then what is which is not told by looking."""
    named = b"|".join(re.escape(name.encode()) for name in names)
    # In well-formed JSON a quote that no backslash precedes, the name, a quote and a colon are a key.
    pattern = re.compile(rb'(?<!\\)"(?P<name>' + named + rb')"\s*+:\s*+(?:' + _ROWS + rb"|" + _BASE64 + rb")")
    found = None
    for one in pattern.finditer(source):
        if found is not None:
            return None
        found = one
    if found is None:
        return None
    kind = next(kind for kind in (*_ROW_ENDS, "base64") if found.start(kind) >= 0)
    start, end = found.span(kind)
    bulk = Bulk(kind, memoryview(source)[start:end])
    quotes = 1 if kind == "base64" else 0
    return found["name"].decode(), bulk, (start - quotes, end + quotes)


def _check_rest(n_bytes: int) -> None:
    if n_bytes > LARGEST_REST:
        raise TooLarge(
            f"Beside plain rows of numbers or one file in base64 a body may have {LARGEST_REST:,} bytes; {n_bytes:,} "
            "came. Send fewer rows at a time; in rows of numbers nothing but numbers may stand."
        )


def _object(text: bytes) -> dict[str, Any]:
    fields = _parsed(text)
    if not isinstance(fields, dict):
        raise InvalidInput("The body must be a JSON object with `user_api_key` and the operation's fields.")
    return fields


def _parsed(text: bytes) -> Any:
    try:
        return from_json(text)
    except ValueError as error:
        raise not_json(str(error)) from error
