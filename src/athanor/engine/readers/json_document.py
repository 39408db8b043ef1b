"""One JSON object that holds a table: columns, records under a key, or a single row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from athanor.engine.readers import Notes
from athanor.errors import InvalidInput

_SHOWN = 5  # keys that a message lists
_ROWS = ("data", "rows", "values", "records")  # keys of arrays under which `columns` stand


def values_of(document: Any, notes: Notes) -> Iterable[Any]:
    """The rows, each an object or, below one of names, an array. Raises InvalidInput."""
    if type(document) is not dict:
        kind = "text" if type(document) is str else "number" if type(document) in {int, float} else "single value"
        raise InvalidInput(f"The JSON file holds a {kind}. An array of objects, or an object of columns, is needed.")
    lists = {key: value for key, value in document.items() if type(value) is list}
    arrays = next((key for key in _ROWS if key in lists and key != "columns"), None)
    if "columns" in lists and arrays is not None and all(type(row) is list for row in lists[arrays]):
        _tell_left_out(document, {"columns", arrays, "index"}, notes)
        return [[_name(column) for column in lists["columns"]], *lists[arrays]]
    records = [key for key, value in lists.items() if value and all(type(row) is dict for row in value)]
    if len(records) > 1:
        raise InvalidInput(
            f"The JSON file holds more than one list of objects: {', '.join(map(repr, records[:_SHOWN]))}. "
            "Send the one that is the table."
        )
    if records:
        _tell_left_out(document, {records[0]}, notes)
        return lists[records[0]]
    if lists and len(lists) == len(document):
        return _of_columns(lists)
    labelled = _of_labels(document)
    if labelled is not None:
        return labelled
    notes.warnings.append("The JSON file holds a single object, which was read as one row.")
    return [document]


def _of_columns(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"{key!r} has {len(column):,}" for key, column in list(columns.items())[:_SHOWN])
        raise InvalidInput(f"The columns of the JSON file must have as many values each, but {shown}.")
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _of_labels(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows, where either the cells of columns or the rows are labelled "0", "1" …; None where neither are."""
    if not document or not all(type(value) is dict and value for value in document.values()):
        return None
    if _are_labels(document):
        return list(document.values())
    labels = list(dict.fromkeys(label for column in document.values() for label in column))
    if not _are_labels(labels):
        return None
    return [{name: column.get(label) for name, column in document.items()} for label in labels]


def _are_labels(keys: Iterable[str]) -> bool:
    return all(key.isdigit() for key in keys)


def _name(column: Any) -> str:
    """The name of a column that is described as a text, by an object with a name, or by several levels of names."""
    if type(column) is dict:
        column = next((column[key] for key in ("name", "id", "field") if key in column), "")
    return ".".join(map(str, column)) if type(column) is list else str(column)


def _tell_left_out(document: Mapping[str, Any], used: set[str], notes: Notes) -> None:
    left_out = [key for key in document if key not in used]
    if left_out:
        table = next(key for key in document if key in used and key not in {"columns", "index"})
        shown = ", ".join(map(repr, left_out[:_SHOWN])) + " and others" * (len(left_out) > _SHOWN)
        notes.warnings.append(f"The rows were read from {table!r}; left out beside it: {shown}.")
