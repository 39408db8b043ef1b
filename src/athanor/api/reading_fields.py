"""How a file is to be read, as the fields of a form or of a query say it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions

_MAX_TEXT = 1000  # characters
READING = ("format", "delimiter", "quote", "encoding", "has_header", "decimal", "sheet", "member", "dim")


def reading_options(fields: Mapping[str, str]) -> ReaderOptions | None:
    """What the `READING` fields say of a file, each a text as forms and queries have it. None where they say nothing.

    An empty field is one that is not there, but for `quote`, where it says that there are no quotes.
    """
    from athanor.engine.readers import ReaderOptions, spelled_delimiter

    given = {name: fields[name] for name in READING if fields.get(name) or (name == "quote" and name in fields)}
    if not given:
        return None
    for name, text in given.items():
        _check_text(text, field=name)
    return ReaderOptions(
        format=given.get("format"),
        delimiter=spelled_delimiter(given.get("delimiter")),
        quote=given.get("quote"),
        encoding=given.get("encoding"),
        has_header=_truth(given["has_header"], field="has_header") if "has_header" in given else None,
        decimal=given.get("decimal"),
        sheet=given.get("sheet"),
        member=given.get("member"),
        dim=_whole_number(given["dim"], field="dim") if "dim" in given else None,
    )


def check_fields(fields: Mapping[str, str], known: Collection[str]) -> None:
    """Raises InvalidInput for a field that nobody knows: else a slip would change nothing, and nobody be told."""
    for name, text in fields.items():
        if name not in known:
            raise InvalidInput(f"No field {name[:80]!r} here. Known: {', '.join(known)}.", field=name[:80])
        _check_text(text, field=name)


def _check_text(text: str, *, field: str) -> None:
    if len(text) > _MAX_TEXT or "\0" in text:
        raise InvalidInput(f"`{field}` must have at most {_MAX_TEXT} characters, none of them NUL.", field=field)


def _truth(text: str, *, field: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise InvalidInput(f"`{field}` must be true or false, got {text[:80]!r}.", field=field)
    return text.lower() == "true"


def _whole_number(text: str, *, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput(f"`{field}` must be a whole number, got {text[:80]!r}.", field=field)
    return int(text)
