"""Vectors as JSON records, one an object: a list of them, `{"data": [...]}`, or one a line."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.matrices import matrix_of
from athanor.errors import InvalidInput, TooLarge
from athanor.services.collections.batches import VectorBatch

LARGEST_BYTES = 256 * 2**20  # of a plain file of records, which is read in this process
MOST_RECORDS, MOST_ATTRIBUTES = 2_000_000, 4_000_000  # in it; the latter values of all rows together
_AT_ONCE, _CHARACTERS_AT_ONCE = 2048, 4 * 2**20  # records, and their text, that are objects at the same time
_IDS, _VECTORS = ("string_id", "id"), ("data", "vector")
_FIELD = "file_data"


def read_records(
    path: Path, *, is_sparse: bool | None = None, dim: int | None = None, id_name: str | None = None
) -> VectorBatch | None:
    """The vectors in a plain file, with the ids and attributes that stand beside them.

    None where the first record holds no vector: then the records are rows of plain cells.

    is_sparse  None: as the first record has it, objects and pairs being sparse
    id_name    key of the ids; None: the usual ones
    Raises InvalidInput naming the first record that does not fit, TooLarge for more than is read at once.
    """
    from athanor.engine.readers.json_values import values_in

    found = values_in(path)
    try:
        first = next(found, (None, 0))
    except InvalidInput:  # the reader of plain rows knows more ways to write JSON, and says what is wrong
        return None
    if not _holds_vector(first[0]):
        return None
    second = next(found, None)
    if second is None and _is_table(path, first[0]):
        return None
    rest = found if second is None else chain([second], found)
    if path.stat().st_size > LARGEST_BYTES:
        raise _too_large(f"{LARGEST_BYTES:,} bytes")
    records = _Records((id_name,) if id_name else _IDS)
    if is_sparse is None:
        is_sparse = _looks_sparse(_vector(first[0], 1))
    matrix = matrix_of(records.vectors(chain([first], rest)), is_sparse=is_sparse, dim=dim, field=_FIELD)
    return records.batch(matrix)


class _Records:
    """What stands beside the vectors, collected while these go by."""

    def __init__(self, id_names: Sequence[str]) -> None:
        self._id_names = id_names
        self._ids: list[Any] = []
        self._attributes: list[Mapping[str, str]] = []
        self._has_ids = self._has_attributes = False
        self._n_values = 0
        self._known: dict[str, str] = {}  # texts that came before, each kept once

    def vectors(self, records: Iterable[tuple[Any, int]]) -> Iterator[list[Any]]:
        """The vectors of the records, some at a time."""
        for part in _parts(records):
            first = len(self._ids) + 1
            yield [_vector(record, row) for row, record in enumerate(part, start=first)]
            ids = [next((record[name] for name in self._id_names if name in record), None) for record in part]
            attributes = [record.get("attributes") for record in part]
            self._has_ids = self._has_ids or any(one is not None for one in ids)
            self._has_attributes = self._has_attributes or any(one is not None for one in attributes)
            texts = attributes_of(attributes, field=_FIELD, first_row=first)
            _check_letters(
                chain((one for one in ids if isinstance(one, str)), *texts, *(row.values() for row in texts))
            )
            self._n_values += sum(map(len, texts))
            self._ids += ids
            self._attributes += [
                {self._once(name): self._once(text) for name, text in row.items()} if row else _NOTHING for row in texts
            ]
            if len(self._ids) > MOST_RECORDS or self._n_values > MOST_ATTRIBUTES:
                raise _too_large(f"{MOST_RECORDS:,} records, or {MOST_ATTRIBUTES:,} values of attributes in them")

    def batch(self, matrix: Any) -> VectorBatch:
        if not self._has_ids and self._id_names != _IDS:
            raise InvalidInput(f"No record has the id column {self._id_names[0][:60]!r}.", field="id_column")
        return VectorBatch(
            ids=ids_of(self._ids, field=_FIELD) if self._has_ids else None,
            matrix=matrix,
            attributes=self._attributes if self._has_attributes else None,
        )

    def _once(self, text: str) -> str:
        if len(self._known) > _AT_ONCE:
            self._known.clear()
        return self._known.setdefault(text, text)


_NOTHING: Mapping[str, str] = {}


def _parts(records: Iterable[tuple[Any, int]]) -> Iterator[list[Any]]:
    """Some records at a time: fewer where they are long."""
    part: list[Any] = []
    n_characters = 0
    for record, length in records:
        part.append(record)
        n_characters += length
        if len(part) == _AT_ONCE or n_characters > _CHARACTERS_AT_ONCE:
            yield part
            part, n_characters = [], 0
    if part:
        yield part


def _holds_vector(record: Any) -> bool:
    """Whether a vector stands under its key. Beside names of columns it is a table."""
    if not isinstance(record, dict) or isinstance(record.get("columns"), list):
        return False
    return any(isinstance(record.get(name), list | dict) for name in _VECTORS)


def _is_table(path: Path, only: Any) -> bool:
    """Whether the only object of a file is `{"data": [[1, 2], [3, 4]]}`: rows, not one sparse vector."""
    rows = only.get("data")
    if only.keys() != {"data"} or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return False
    with path.open("rb") as file:
        return bool(rows) and file.read(4).lstrip(codecs.BOM_UTF8).lstrip()[:1] == b"{"


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


def _check_letters(texts: Iterable[str]) -> None:
    """JSON can spell halves of letters, which nothing can hold."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"`{_FIELD}`: an id or attribute holds half a letter. Write the file as UTF-8.", field=_FIELD
        ) from error


def _too_large(what: str) -> TooLarge:
    return TooLarge(
        f"A json file of vectors may have {what}. Send it in parts, or as libsvm, binary or csv, which take less."
    )
