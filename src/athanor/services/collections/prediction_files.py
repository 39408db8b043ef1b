"""Files that are read to be predicted: cells as the columns of the training were read, and nothing of them kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from athanor.engine.tables.dataset import Dataset, Vectors
from athanor.engine.tables.schema import ColumnSchema, Schema
from athanor.errors import InvalidInput
from athanor.services.collections.batches import bare_table
from athanor.services.collections.formats import (
    ReadVectors,
    as_read,
    check_written,
    counted_from,
    first_index,
    reader_options,
    vectors_in,
)
from athanor.services.collections.inputs import ModelInputs
from athanor.services.rows.arrivals import Arrivals

FORMATS = ("csv", "json", "libsvm")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file whose rows are to be predicted.

    format      a name in FORMATS; a json holds plain rows, as a document or one a line
    has_header  of a csv: its first line names the columns; without, they are called 0, 1, …
    read_vectors  makes a batch of a plain file whose records hold vectors; None of one whose rows are plain cells
    """

    path: Path
    format: str
    has_header: bool = True
    filename: str = ""
    read_vectors: ReadVectors | None = None

    @property
    def has_names(self) -> bool:
        """Whether its columns were named by its owner."""
        return self.format == "json" or (self.format == "csv" and self.has_header)


def read_file(arrivals: Arrivals, sent: SentFile, inputs: ModelInputs) -> Dataset:
    """The file's rows, columns called as the model may know them. Raises InvalidInput, TooLarge."""
    if sent.format not in FORMATS:
        raise InvalidInput(
            f"A file to be predicted is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {sent.format[:40]!r}.",
            field="format",
        )
    filename = sent.filename or f"rows.{sent.format}"
    batch = vectors_in(arrivals, sent.path, filename, sent.read_vectors)
    if batch is not None:
        return bare_table(batch)
    known = inputs.spelled
    if sent.format == "libsvm":
        return _libsvm(arrivals, sent, inputs)
    if sent.has_names:
        return _read(arrivals, sent, known)
    table = _read(arrivals, sent, tuple(replace(column, name=as_read(column.name)) for column in known))
    if all(name in table.schema for name in inputs.features.names):
        return table  # called as the reader calls them, since they were so at training
    return _renamed(table, {name: str(place) for place, name in enumerate(table.schema.names)})


def _read(arrivals: Arrivals, sent: SentFile, known: Sequence[ColumnSchema]) -> Dataset:
    return arrivals.table(
        sent.path,
        filename=sent.filename or f"rows.{sent.format}",
        options=reader_options(sent.format, has_header=sent.has_header),
        schema=Schema(tuple(known)),
        check=partial(check_written, sent.format),
    )


def _libsvm(arrivals: Arrivals, sent: SentFile, inputs: ModelInputs) -> Dataset:
    """Its labels are the model's."""
    from athanor.engine.readers.libsvm import FEATURES, LABEL

    table = _read(
        arrivals, sent, tuple(replace(column, name=LABEL) for column in inputs.spelled if column.name == inputs.target)
    )
    vectors = table[FEATURES]
    if not isinstance(vectors, Vectors):
        raise InvalidInput("The libsvm file holds no index:value pair.", field="file")
    indices = vectors.matrix.indices
    first = first_index(int(indices.min()) if len(indices) else None, inputs.first_index)
    matrix = counted_from(1 if first is None else first, vectors.matrix)
    schema = Schema((replace(table.schema[FEATURES], dim=matrix.shape[1]), *table.schema.select([LABEL]).columns))
    columns = {FEATURES: Vectors(matrix), LABEL: table[LABEL]}
    return _renamed(Dataset(schema, columns, table.n_rows), {LABEL: inputs.target})


def _renamed(table: Dataset, names: Mapping[str, str]) -> Dataset:
    columns = {names.get(name, name): column for name, column in table.columns.items()}
    schema = Schema(tuple(replace(c, name=names.get(c.name, c.name)) for c in table.schema.columns))
    return Dataset(schema, columns, table.n_rows)
