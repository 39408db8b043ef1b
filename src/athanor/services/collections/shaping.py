"""Files brought into the layout of a collection: what was read of one, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from athanor.engine.tables.dataset import Dataset, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput
from athanor.services.collections.batches import attribute_columns, check_attribute_names, check_whole
from athanor.services.collections.components import check_components
from athanor.services.collections.files import LABEL, UploadHow
from athanor.services.collections.formats import check_written, counted_from, first_index
from athanor.services.collections.layout import (
    ID,
    Layout,
    as_layout,
    as_stored,
    attribute_schema,
    check_dim,
    check_length,
    id_schema,
    is_number,
    layout_of,
    rows_at_once,
    vector_schema,
)
from athanor.services.rows.appending import together, unknown_columns, widened

if TYPE_CHECKING:
    from athanor.engine.readers.segmenting import Written

_AT_ONCE = 16 * 2**20  # bytes of rows that are made at a time; some times as much is in memory meanwhile
_SEGMENT = 128 * 2**20  # bytes of a segment before it is packed
_SHAPED = "shaped"  # folder of what was made


@dataclass(slots=True, kw_only=True)
class Shaping:
    """Brings what was read of a file into a collection's layout: to be called once.

    schema      of the collection with its `id_column`; None: the file makes it
    first_index  what the indices of its libsvm files count from, 0 or 1; None: its first one will say, and then does
    labels      of the collection, which may say what its vectors hold
    make_ids    as many ids as rows come without one
    n_made      how many ids were made
    """

    how: UploadHow
    schema: Schema | None
    id_column: str | None
    first_index: int | None
    make_ids: Callable[[int], Sequence[str]]
    labels: Mapping[str, str] = field(default_factory=dict)
    n_made: int = 0

    def __call__(self, written: Written, folder: Path) -> Written:
        """The rows in the layout of the collection, all of them. Raises InvalidInput naming row and column."""
        from athanor.engine.tables.frames import to_frame
        from athanor.engine.tables.segments import SegmentWriter

        self._check_whole(written)
        schema = self._named(written.schema)
        found = self._found(schema)
        if self.how.format == "libsvm":
            self._find_first_index(written, found)
        if found.vector is not None:
            check_length(Storage.SPARSE if found.is_sparse else Storage.DENSE, found.dim)
        if self.schema is not None:
            wanted = layout_of(self.schema, self.id_column)
            check_dim(self.how.dim, wanted, n_came=found.dim - (self.first_index or 0))
        else:
            wanted = self._new(found)
        ids = self._ids(found, wanted, written.n_rows)
        (folder / _SHAPED).mkdir()
        writing = SegmentWriter(folder / _SHAPED, largest_bytes=_SEGMENT)
        made: Schema | None = None
        for table, n_before in self._tables(written, schema, wanted):
            beside = self._with_beside(table, found, wanted, ids, n_before)
            shaped = self._fitting(as_layout(*beside, wanted, first_row=n_before + 1))
            self._check_components(shaped, n_before + 1)
            made = shaped.schema if made is None else widened(together(made, shaped.schema), shaped.schema)
            writing.take(to_frame(shaped))
        writing.flush()
        return replace(
            written,
            schema=made or written.schema,
            format=self.how.format,
            segments=tuple(writing.written),
            # The others tell of names and indices that the reader gave, and we do not keep.
            warnings=written.warnings if self.how.is_table and self.how.has_header else (),
        )

    def _check_whole(self, written: Written) -> None:
        check_written(self.how.format, written)
        for name, given in (("ids", self.how.ids), ("attributes", self.how.attributes)):
            if given is not None and len(given) != written.n_rows:
                raise InvalidInput(
                    f"{len(given):,} {name} came, and the file has {written.n_rows:,} rows. Send one a row.", field=name
                )

    def _named(self, schema: Schema) -> Schema:
        """The file's columns as we call them."""
        if self.how.format != "csv" or self.how.has_header:
            return schema
        return Schema(tuple(replace(column, name=str(place)) for place, column in enumerate(schema.columns)))

    def _found(self, schema: Schema) -> Layout:
        """The layout of the file, of whose columns one may name the rows."""
        how = self.how
        for name in (*how.attribute_names, *([how.id_column] if how.id_column else [])) if how.is_table else ():
            schema.column(name, field="id_column" if name == how.id_column else "attribute_names")
        has_ids = how.is_table and (self.schema is None or self.id_column is not None)
        if how.id_column is not None and not has_ids:
            raise InvalidInput("The rows of this collection have no ids; name no column of them.", field="id_column")
        own = next((name for name in (how.id_column, self.id_column, ID) if name is not None and name in schema), None)
        return layout_of(schema, own if has_ids else None)

    def _new(self, found: Layout) -> Layout:
        """The layout of a collection that the file makes."""
        how = self.how
        if how.format == "csv" and found.attributes and not found.dim:
            only = found.attributes[0]
            if len(found.attributes) == 1 and any(mark in only for mark in ";\t|"):
                raise InvalidInput(
                    f"The file has one column, {only[:60]!r}. Columns are separated by commas here.", field="file"
                )
        if how.is_table and found.vector is None:
            if how.storage is Storage.SPARSE:
                raise InvalidInput(
                    f"A {how.format} file has a column for each number, so that its vectors are dense. Say so, or send "
                    "a libsvm file.",
                    field="storage",
                )
            if how.dim is not None and how.dim != found.dim:
                raise InvalidInput(
                    f"The file has {found.dim:,} columns of numbers that are no attributes, and the dimension is to be "
                    f"{how.dim:,}. Name the columns that are attributes, or leave the dimension out.",
                    field="dim",
                )
            return replace(found, id_column=found.id_column or ID)
        is_sparse = found.is_sparse if how.storage is None else how.storage is Storage.SPARSE
        dim = how.dim or (0 if is_sparse else found.dim - (self.first_index or 0))
        storage = Storage.SPARSE if is_sparse else Storage.DENSE
        if dim:
            check_length(storage, dim)
        vector = vector_schema(storage, dim, is_fixed=how.dim is not None)
        return Layout(id_column=found.id_column or ID, vector=vector, components=(), attributes=())

    def _find_first_index(self, written: Written, found: Layout) -> None:
        if found.vector is None:
            raise TypeError("A libsvm file holds vectors.")
        lowest = _lowest_index([file.path for file in written.segments], found.vector.name)
        self.first_index = first_index(lowest, self.first_index)

    def _ids(self, found: Layout, wanted: Layout, n_rows: int) -> Sequence[str] | None:
        """The ids of the rows where the file has none; None where it has, or where rows have none at all."""
        if self.how.ids is not None and (found.id_column is not None or wanted.id_column is None):
            raise InvalidInput(
                "Send ids beside a file only where it has no column of them, and the rows of the collection have ids.",
                field="ids",
            )
        if found.id_column is not None or wanted.id_column is None:
            return None
        if self.how.ids is not None:
            if self.schema is not None and self.schema[wanted.id_column].storage is Storage.INTEGER:
                check_whole(self.how.ids)
            return self.how.ids
        self.n_made = n_rows
        return self.make_ids(n_rows)

    def _tables(self, written: Written, schema: Schema, wanted: Layout) -> Iterator[tuple[Dataset, int]]:
        """The rows, as many at a time as memory has room for in the wanted layout, and how many came before them."""
        import polars as pl

        from athanor.engine.tables.facts import by_name
        from athanor.engine.tables.frames import texts as as_texts
        from athanor.engine.tables.frames import to_dataset
        from athanor.engine.tables.segments import scan_segment, scan_segments

        self._check_texts([file.path for file in written.segments], written.schema, schema)
        step, n_before = rows_at_once(wanted, _AT_ONCE), 0
        for file in written.segments:
            rows = scan_segments([file.path], written.schema)
            scan, there = scan_segment(file.path)
            # What is to be text and stands as a number or truth value, as in a json, is spelled our way.
            texts = [
                column.name
                for column in written.schema.columns
                if column.storage is Storage.STRING and there.get(column.name) not in {None, pl.String, pl.Null}
            ]
            for start in range(0, file.n_rows, step):
                frame = rows.slice(start, step).collect()
                if texts:
                    typed = scan.select(by_name(texts)).slice(start, step).collect()
                    frame = frame.with_columns(as_texts(series) for series in typed.get_columns())
                frame.columns = list(schema.names)
                yield to_dataset(frame, schema), n_before
                n_before += frame.height
            file.path.unlink()

    def _with_beside(
        self, table: Dataset, found: Layout, wanted: Layout, ids: Sequence[str] | None, n_before: int
    ) -> tuple[Dataset, Layout]:
        """The table with what came beside the file, and the layout that it has then."""
        columns, schemas = dict(table.columns), {column.name: column for column in table.schema.columns}
        if self.how.format == "libsvm":
            columns, schemas = self._libsvm(table)
        id_column = found.id_column
        if ids is not None:
            id_column = wanted.id_column or ID
            here = ids[n_before : n_before + table.n_rows]
            columns[id_column] = Words(np.arange(len(here), dtype=np.int32), tuple(here))
            schemas[id_column] = id_schema(id_column)
        if self.how.attributes is not None:
            beside = attribute_columns(self.how.attributes[n_before : n_before + table.n_rows])
            for name in beside:
                if name in columns:
                    raise InvalidInput(f"The file and the attributes beside it both have {name!r}.", field="attributes")
            columns |= beside
            schemas |= {name: attribute_schema(name) for name in beside}
        made = Dataset(Schema(tuple(schemas.values())), columns, table.n_rows)
        layout = layout_of(made.schema, id_column)
        check_attribute_names(layout.attributes, wanted)
        return made, layout

    def _libsvm(self, table: Dataset) -> tuple[dict[str, Any], dict[str, ColumnSchema]]:
        """Vectors whose components count from 0, and labels where there are any."""
        columns: dict[str, Any] = {}
        schemas: dict[str, ColumnSchema] = {}
        for column in table.schema.columns:
            cells = table.columns[column.name]
            if isinstance(cells, Vectors):
                matrix = counted_from(self.first_index or 0, cells.matrix)
                columns[column.name] = Vectors(matrix)
                schemas[column.name] = replace(column, dim=matrix.shape[1])
            elif column.name == LABEL and not cells.missing().all():
                columns[self.how.label], schemas[self.how.label] = cells, attribute_schema(self.how.label)
        return columns, schemas

    def _fitting(self, table: Dataset) -> Dataset:
        """The table with its columns as those of the collection are. Raises InvalidInput for a further number."""
        if self.schema is None:
            return table
        fresh = [column for column in table.schema.columns if column.name not in self.schema]
        if any(is_number(column) for column in fresh):
            names = [column.name for column in fresh if is_number(column)]
            raise unknown_columns(names, self.schema, "The file has")
        return as_stored(table, self.schema)

    def _check_components(self, table: Dataset, first_row: int) -> None:
        for column in table.columns.values():
            if isinstance(column, Vectors):
                check_components(column.matrix, self.labels, first_row=first_row)

    def _check_texts(self, paths: Sequence[Path], stored: Schema, schema: Schema) -> None:
        """Raises InvalidInput for a cell that is no number in a column of a csv that holds numbers for the most part.

        stored  the columns as they are called in the segments
        """
        import polars as pl

        from athanor.engine.tables.facts import by_name
        from athanor.engine.tables.segments import scan_segments

        if self.how.format != "csv":
            return
        said = {*self.how.attribute_names, self.how.id_column or self.id_column or ID}
        said |= set(self.schema.names) if self.schema is not None else set()
        doubtful = [
            kept.name
            for kept, column in zip(stored.columns, schema.columns, strict=True)
            if column.storage is Storage.STRING and column.name not in said
        ]
        if not doubtful:
            return
        number = by_name(doubtful).str.strip_chars().cast(pl.Float64, strict=False)
        rows = scan_segments(paths, stored)
        present = rows.select(by_name(doubtful).count()).collect().row(0)
        numbers = rows.select(number.count()).collect().row(0)
        for name, n_present, n_numbers in zip(doubtful, present, numbers, strict=True):
            if n_present > n_numbers >= n_present / 2:
                cells = rows.select(by_name([name])).collect().to_series()
                wrong = cells.is_not_null() & cells.str.strip_chars().cast(pl.Float64, strict=False).is_null()
                row = int(wrong.arg_true()[0])
                column = schema.names[stored.names.index(name)]
                raise InvalidInput(
                    f"Row {row + 1}, column {column!r}: expected a number as in {n_numbers:,} of the {n_present:,} "
                    f"cells of the column, got {cells[row][:60]!r}. Name the column as an attribute, or leave the "
                    "cell empty.",
                    field=column,
                )


def _lowest_index(paths: Sequence[Path], column: str) -> int | None:
    """The lowest index in the sparse vectors of some segments; None where no vector has an entry."""
    from athanor.engine.tables.facts import by_name
    from athanor.engine.tables.segments import scan_segment

    found = [
        scan_segment(path)[0].select(by_name([column]).struct.field("indices").list.min().min()).collect().item()
        for path in paths
    ]
    return min((int(lowest) for lowest in found if lowest is not None), default=None)
