"""Files of vectors: what the sender of one says about it, and how it is read for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.engine.tables.schema import Schema, Storage
from athanor.errors import InvalidInput
from athanor.services.collections.batches import VectorBatch, check_ids
from athanor.services.collections.formats import FORMATS, ReadVectors, as_read, reader_options, vectors_in
from athanor.services.collections.layout import ID, attribute_schema

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions
    from athanor.services.rows.arrivals import Arrivals

LABEL = "label"  # the attribute that the label of a libsvm file becomes where nothing else is said


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadHow:
    """What the sender of a file says about it.

    format           "csv", "json" (rows of plain cells), "libsvm" or "binary" (little-endian float32, row by row)
    has_header       of a csv: its first line names the columns, which are "0", "1", … otherwise
    storage, dim     of the collection, where it is new; `dim` also says how many numbers a row of a binary file has
    attribute_names  columns that are kept as text; of libsvm the one name of the label
    id_column        column of a csv or json that holds the ids
    ids, attributes  as in a batch, for files that cannot hold them
    read_vectors     makes a batch of a plain file whose records hold vectors; None of one whose rows are plain cells
    """

    format: str
    filename: str
    has_header: bool = True
    storage: Storage | None = None
    dim: int | None = None
    attribute_names: tuple[str, ...] = ()
    id_column: str | None = None
    ids: Sequence[str] | None = None
    attributes: Sequence[Mapping[str, str]] | None = None
    read_vectors: ReadVectors | None = None

    @property
    def is_table(self) -> bool:
        """Whether the file has columns."""
        return self.format in {"csv", "json"}

    @property
    def label(self) -> str:
        """The attribute that the label of a libsvm file becomes."""
        return self.attribute_names[0] if len(self.attribute_names) == 1 else LABEL


def check_how(how: UploadHow) -> None:
    """Raises InvalidInput where what is said does not go together."""
    if how.format not in FORMATS:
        raise InvalidInput(f"A file is one of {', '.join(FORMATS)}, not {how.format[:40]!r}.", field="format")
    if how.ids is not None:
        check_ids(how.ids)


def batch_in(arrivals: Arrivals, path: Path, how: UploadHow) -> VectorBatch | None:
    """The vectors of a file of records that hold such, with what came beside the file; None of any other file.

    Raises InvalidInput for what came beside it and stands in it, too.
    """
    batch = vectors_in(arrivals, path, how.filename, how.read_vectors)
    if batch is None:
        return None
    for name, beside, inside in (("ids", how.ids, batch.ids), ("attributes", how.attributes, batch.attributes)):
        if beside is not None and inside is not None:
            raise InvalidInput(f"The {name} stand in the file and came beside it. Send them once.", field=name)
    attributes = how.attributes if batch.attributes is None else batch.attributes
    there = set(chain.from_iterable(attributes or ()))
    for name in how.attribute_names:
        if name not in there:
            raise InvalidInput(f"No row of the file has the attribute {name[:60]!r}.", field="attribute_names")
    return replace(batch, ids=how.ids if batch.ids is None else batch.ids, attributes=attributes)


def options_of(how: UploadHow, dim: int | None) -> ReaderOptions:
    """How such a file is read. `dim`: how many numbers a row of the collection has, where that is known."""
    if how.format == "binary" and not (how.dim or dim):
        raise InvalidInput(
            "Say how many numbers a row of the binary file has: the dimension, or an existing collection.", field="dim"
        )
    return reader_options(how.format, has_header=how.has_header, dim=how.dim or dim)


def known_columns(how: UploadHow, schema: Schema | None, id_column: str | None) -> Schema:
    """What is known of the file's columns before it is read: those of the collection, and those that are texts.

    schema, id_column  of the collection, where it is there
    """
    if how.format == "libsvm":
        return Schema((attribute_schema(LABEL),))
    known = {name: attribute_schema(name) for name in (*how.attribute_names, how.id_column or id_column or ID)}
    if schema is not None:
        known |= {column.name: column for column in schema.columns if not column.storage.is_vector}
    if how.format == "csv" and not how.has_header:
        known = {as_read(name): column for name, column in known.items()}
    return Schema(tuple(replace(column, name=name) for name, column in known.items()))
