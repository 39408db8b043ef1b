"""Vectors as JSON records, one an object: a list of them, `{"data": [...]}`, or one a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.matrices import matrix_of
from athanor.engine.readers.json_text import elements
from athanor.errors import InvalidInput
from athanor.services.collections.batches import VectorBatch

_HEAD = 2**20  # bytes that show what a file holds
_AT_ONCE = 2048  # records that are objects at the same time
_IDS, _VECTORS = ("string_id", "id"), ("data", "vector")
# A vector under its key. `"data": [{` is none: so begins a list of records.
_VECTOR = re.compile(rb'(?<!\\)"(?:data|vector)"\s*+:\s*+(?:\{|\[\s*+[-0-9\[\]])')
_WRAPPER = re.compile(r'\s*+\{\s*+"data"\s*+:\s*+(?=\[\s*+\{)')
_FIELD = "file_data"


def holds_vectors(path: Path) -> bool:
    """Whether the records of a JSON file hold vectors. Others are rows of plain cells."""
    with path.open("rb") as file:
        return _VECTOR.search(file.read(_HEAD)) is not None


def read_records(path: Path, *, is_sparse: bool | None = None, dim: int | None = None) -> VectorBatch:
    """The vectors in a file, with the ids and attributes that stand beside them.

    is_sparse  None: as the first record has it, objects and pairs being sparse
    Raises InvalidInput naming the first record that does not fit.
    """
    ids: list[Any] = []
    attributes: list[Any] = []

    def vectors(parts: Iterable[Sequence[Any]]) -> Iterator[list[Any]]:
        for records in parts:
            yield [_vector(record, row) for row, record in enumerate(records, start=len(ids) + 1)]
            ids.extend(next((record[name] for name in _IDS if name in record), None) for record in records)
            attributes.extend(record.get("attributes") for record in records)

    parts = _parts(path)
    first = next(parts, [])
    if is_sparse is None:
        is_sparse = bool(first) and _looks_sparse(_vector(first[0], 1))
    matrix = matrix_of(vectors(chain([first], parts)), is_sparse=is_sparse, dim=dim, field=_FIELD)
    return VectorBatch(
        ids=None if all(one is None for one in ids) else ids_of(ids, field=_FIELD),
        matrix=matrix,
        attributes=None if all(one is None for one in attributes) else attributes_of(attributes, field=_FIELD),
    )


def _vector(record: Any, row: int) -> Any:
    if not isinstance(record, dict) or not any(name in record for name in _VECTORS):
        raise InvalidInput(
            f"`{_FIELD}`: record {row} must be an object with the vector under `data`; `string_id` and `attributes` "
            "may stand beside it.",
            field=_FIELD,
        )
    return next(record[name] for name in _VECTORS if name in record)


def _looks_sparse(vector: Any) -> bool:
    return isinstance(vector, dict) or (isinstance(vector, list) and bool(vector) and isinstance(vector[0], list))


def _parts(path: Path) -> Iterator[Sequence[Any]]:
    """The records, some at a time."""
    records = _records(path)
    while part := list(islice(records, _AT_ONCE)):
        yield part


def _records(path: Path) -> Iterator[Any]:
    return _of_lines(path) if _is_lines(path) else _of_document(path)


def _is_lines(path: Path) -> bool:
    """Whether the first line is an object, and not the beginning of one around a list of records."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not head.lstrip().startswith(b"{") or _WRAPPER.match(head.decode("utf-8", "replace")):
            return False
        file.seek(0)
        return next(line for line in file if line.strip()).rstrip().endswith(b"}")


def _of_lines(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _of_line(line, number)


def _of_line(line: bytes, number: int) -> Any:
    try:
        return from_json(line)
    except ValueError as error:
        raise _not_json(f"line {number}: {error}") from error


def _of_document(path: Path) -> Iterator[Any]:
    try:
        text = path.read_text("utf-8-sig")
        wrapper = _WRAPPER.match(text)
        if wrapper is not None and text.rstrip().endswith("}"):
            text = text[wrapper.end() : text.rindex("}")]
        if not text.lstrip().startswith("["):
            yield from_json(text)  # one record alone
            return
        for _, record in elements(text, json.JSONDecoder()):
            yield record
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError among them
        raise _not_json(str(error)) from error


def _not_json(reason: str) -> InvalidInput:
    return InvalidInput(f"`{_FIELD}`: the file is not well-formed JSON: {reason}.", field=_FIELD)
