"""Files that are read to be predicted: cells as the columns of the training were read, and nothing of them kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from athanor.engine.dataset import Dataset, Vectors
from athanor.engine.readers import READERS, ReaderOptions
from athanor.engine.schema import ColumnSchema, Schema
from athanor.errors import InvalidInput
from athanor.services.collections.inputs import ModelInputs
from athanor.services.rows.arrivals import Arrivals

FORMATS = ("csv", "json", "libsvm")
_HEAD = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file whose rows are to be predicted.

    format      a name in FORMATS; a json holds plain rows, as a document or one a line
    has_header  of a csv: its first line names the columns; without, they are called 0, 1, …
    """

    path: Path
    format: str
    has_header: bool = True

    @property
    def has_names(self) -> bool:
        """Whether its columns were named by its owner."""
        return self.format == "json" or (self.format == "csv" and self.has_header)


def read_file(arrivals: Arrivals, sent: SentFile, inputs: ModelInputs) -> Dataset:
    """The file's rows, columns called as the model may know them. Raises InvalidInput, TooLarge."""
    if sent.format not in FORMATS:
        raise InvalidInput(
            f"A file to be predicted is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {sent.format[:40]!r}.",
            field="file_format",
        )
    known = inputs.spelled
    if sent.format == "libsvm":
        return _libsvm(arrivals, sent, inputs)
    if sent.format == "json":
        return _read(arrivals, sent, ReaderOptions(format=_json_reader(sent.path)), known)
    options = ReaderOptions(format="csv", delimiter=",", quote='"', decimal=".", has_header=sent.has_header)
    if sent.has_header:
        return _read(arrivals, sent, options, known)
    table = _read(arrivals, sent, options, tuple(replace(column, name=_as_read(column.name)) for column in known))
    if all(name in table.schema for name in inputs.features.names):
        return table  # called as the reader calls them, since they were so at training
    return _renamed(table, {name: str(place) for place, name in enumerate(table.schema.names)})


def _read(arrivals: Arrivals, sent: SentFile, options: ReaderOptions, known: Sequence[ColumnSchema]) -> Dataset:
    return arrivals.table(sent.path, filename=f"rows.{sent.format}", options=options, schema=Schema(tuple(known)))


def _as_read(name: str) -> str:
    """What the reader calls the column `name` of a file without names: they are counted from 0 here, from 1 there."""
    return f"column_{int(name) + 1}" if name.isascii() and name.isdigit() else name


def _json_reader(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return "jsonl" if READERS["jsonl"].claims(head, path.name) else "json"


def _libsvm(arrivals: Arrivals, sent: SentFile, inputs: ModelInputs) -> Dataset:
    """Its labels are the model's."""
    from athanor.engine.readers.libsvm import FEATURES, LABEL

    known = tuple(replace(column, name=LABEL) for column in inputs.spelled if column.name == inputs.target)
    table = _read(arrivals, sent, ReaderOptions(format="libsvm"), known)
    vectors = table[FEATURES]
    if not isinstance(vectors, Vectors):
        raise InvalidInput("The libsvm file holds no index:value pair.", field="file_data")
    matrix = vectors.matrix
    has_first = bool(matrix[:, :1].nnz)
    first = inputs.first_index
    if first is None:
        first = 0 if has_first else 1
    if has_first and first:
        raise InvalidInput(
            "The file has an index 0, and the indices of the collection count from 1. Count them alike.",
            field="file_data",
        )
    matrix = matrix[:, first:]
    schema = Schema((replace(table.schema[FEATURES], dim=matrix.shape[1]), *table.schema.select([LABEL]).columns))
    columns = {FEATURES: Vectors(matrix), LABEL: table[LABEL]}
    return _renamed(Dataset(schema, columns, table.n_rows), {LABEL: inputs.target})


def _renamed(table: Dataset, names: Mapping[str, str]) -> Dataset:
    columns = {names.get(name, name): column for name, column in table.columns.items()}
    schema = Schema(tuple(replace(c, name=names.get(c.name, c.name)) for c in table.schema.columns))
    return Dataset(schema, columns, table.n_rows)
