"""Ids and attributes in JSON made texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from athanor.engine.tables import cells
from athanor.errors import InvalidInput


def ids_of(given: Sequence[Any], *, field: str = "string_ids") -> list[str]:
    """The ids, which must be texts."""
    if set(map(type, given)) <= {str}:
        return list(given)
    row = next(row for row, one in enumerate(given, start=1) if not isinstance(one, str))
    raise InvalidInput(f"`{field}`: row {row}: an id is a text, {_kind(given[row - 1])} came.", field=field)


@overload
def attributes_of(
    given: Sequence[Any], *, keeps_nulls: Literal[False] = False, field: str = "attributes", first_row: int = 1
) -> list[Mapping[str, str]]: ...
@overload
def attributes_of(
    given: Sequence[Any], *, keeps_nulls: Literal[True], field: str = "attributes", first_row: int = 1
) -> list[Mapping[str, str | None]]: ...
def attributes_of(
    given: Sequence[Any], *, keeps_nulls: bool = False, field: str = "attributes", first_row: int = 1
) -> list[Any]:
    """One mapping of texts a row. A value that is null is one that is not there; `keeps_nulls`: it is None."""
    texts: list[Any] = []
    for row, attributes in enumerate(given, start=first_row):
        if attributes is None:
            texts.append({})
            continue
        if not isinstance(attributes, dict):
            raise InvalidInput(
                f"`{field}`: row {row} must be an object of name: value, {_kind(attributes)} came.", field=field
            )
        if set(map(type, attributes.values())) <= {str}:
            texts.append(attributes)
            continue
        texts.append(
            {
                name: None if value is None else attribute_text(value, f"row {row}, {name[:60]!r}", field)
                for name, value in attributes.items()
                if keeps_nulls or value is not None
            }
        )
    return texts


def attribute_text(value: Any, where: str, field: str) -> str:
    """A value as text, as `cells.text` has it: `1`, `1.5`, `true`."""
    text = cells.text(value) if isinstance(value, str | int | float) else None
    if text is not None:
        return text
    raise InvalidInput(
        f"`{field}`: {where}: a text, a number, true or false is expected, {_kind(value)} came.", field=field
    )


def _kind(value: Any) -> str:
    """What came, in the words of JSON."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    if isinstance(value, int | float):
        return f"the number {value}"[:60]
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"
