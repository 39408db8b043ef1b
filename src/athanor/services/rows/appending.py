"""What may be put behind the rows of a dataset, and what came already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.core.dataset import Segment, SegmentKind
from athanor.engine.tables import cells
from athanor.engine.tables.conform import conform
from athanor.engine.tables.dataset import Dataset
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage, vector_missing
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.tables.segments import Deleted


def came_already(segments: Sequence[Segment], sha256: str) -> bool:
    """Whether the bytes are among the segments' sources, and no row was deleted since."""
    for segment in reversed(segments):
        if segment.kind is SegmentKind.TOMBSTONES:
            return False
        if sha256 == segment.source_sha256 or sha256 in segment.merged_sha256:
            return True
    return False


def check_columns(given: Schema, schema: Schema) -> None:
    unknown = [name for name in given.names if name not in schema]
    if unknown:
        raise unknown_columns(unknown, schema, "What came has")
    for column in schema.columns:
        if column.storage.is_vector and column.name not in given:
            raise vector_missing(column.name)


def check_rows(rows: Sequence[Mapping[str, Any]], schema: Schema, id_column: str | None) -> None:
    """Raises InvalidInput for a row with a column of its own, or with a number that would be kept as another one."""
    known = set(schema.names)
    whole = [column.name for column in schema.columns if column.storage is Storage.INTEGER]
    for position, row in enumerate(rows, start=1):
        if not known.issuperset(row):
            raise unknown_columns(sorted(set(row) - known, key=str), schema, f"Row {position} has")
        for name in whole:
            cell = row.get(name)
            if isinstance(cell, int) and abs(cell) > cells.LARGEST_INTEGER:
                raise _refused(
                    position, name, "a whole number of at most 2**53, beyond which neighbours fall together", cell
                )
            if name == id_column and isinstance(cell, float) and not cell.is_integer():
                raise _refused(position, name, "a whole number, as the ids of the rows are", cell)


def _refused(position: int, name: str, wanted: str, cell: float) -> InvalidInput:
    return InvalidInput(f"Row {position}, column {name!r}: expected {wanted}, got {str(cell)[:60]}.", field=name)


def unknown_columns(names: Sequence[object], schema: Schema, who: str) -> InvalidInput:
    shown = ", ".join(repr(name)[:80] for name in names[:5]) + (", …" if len(names) > 5 else "")
    known = ", ".join(schema.names[:50]) + (", …" if len(schema.names) > 50 else "")
    return InvalidInput(
        f"{who} {len(names)} columns that the dataset does not have: {shown}. It has: {known}. "
        "Leave them out, or put the whole table in its place as a new version.",
        field=str(names[0]),
    )


def with_vectors_as(path: Path, schema: Schema) -> Dataset | None:
    """The rows of a segment that was read for a dataset of this schema, as it says; None where they are so already.

    Readers give cells as they are told to, but vectors as the file has them: sparse, say, where the dataset's are
    dense. Raises InvalidInput naming the column where they cannot be what the dataset holds.
    """
    import polars as pl

    from athanor.engine.tables.frames import frame_type
    from athanor.engine.tables.inference import infer
    from athanor.engine.tables.segments import read_segments, scan_segment

    scan, found = scan_segment(path)
    fine = {column.name: {frame_type(column), pl.Null()} for column in schema.columns}
    for column in schema.columns:
        if column.storage in {Storage.INTEGER, Storage.FLOAT}:
            fine[column.name] |= {pl.Int64(), pl.Float64()}
    if all(dtype in fine.get(name, {dtype}) for name, dtype in found.items()):
        return None
    table = read_segments([path], infer(scan))
    return conform(table, schema.select([name for name in schema.names if name in table.schema]))


def together(schema: Schema, given: Schema) -> Schema:
    """The schema, and behind its columns those that `given` alone has."""
    fresh = tuple(column for column in given.columns if column.name not in schema)
    return Schema((*schema.columns, *fresh)) if fresh else schema


def widened(schema: Schema, given: Schema) -> Schema:
    """The schema with room for what `given` holds: numbers that are not whole, more components of sparse vectors."""
    return Schema(
        tuple(_wide(column, given[column.name]) if column.name in given else column for column in schema.columns)
    )


def _wide(column: ColumnSchema, other: ColumnSchema) -> ColumnSchema:
    if column.storage is Storage.INTEGER and other.storage is Storage.FLOAT:
        return replace(column, storage=Storage.FLOAT)
    if column.storage is Storage.SPARSE and (other.dim or 0) > (column.dim or 0):
        return replace(column, dim=other.dim)
    return column


def needed(paths: Sequence[Path], schema: Schema) -> Schema:
    """The schema as segments need it that were read as `schema` says."""
    import polars as pl

    from athanor.engine.tables.segments import scan_segment

    given = []
    for path in paths:
        scan, types = scan_segment(path)
        for column in schema.columns:
            if types.get(column.name) == pl.Float64 and column.storage is Storage.INTEGER:
                given.append(replace(column, storage=Storage.FLOAT))
            if column.storage is Storage.SPARSE and column.name in types:
                indices = pl.col(column.name).struct.field("indices")
                highest = scan.select(indices.list.max().max()).collect().item()
                given.append(replace(column, dim=max(column.dim or 0, 0 if highest is None else highest + 1)))
    return widened(schema, Schema(tuple(given)))


def is_time_to_judge(n_rows: int, more: int) -> bool:
    """Whether what columns mean is to be found out anew: when rows have about doubled, so that it costs little."""
    return (n_rows + more).bit_length() > n_rows.bit_length()


def judged(paths: Sequence[Path], deleted: Deleted | None, schema: Schema) -> Schema:
    """The schema with what its columns mean now, all rows asked; what their owner said of them stands.

    The first rows of a dataset that grows say little: one row has only constants.
    """
    from athanor.engine.tables.inference import infer
    from athanor.engine.tables.segments import scan_segments

    asked = Schema(tuple(column for column in schema.columns if not column.is_given and column.dim is None))
    if not asked.columns:
        return schema
    spellings = {column.name: column.spelling for column in asked.columns if column.spelling}
    return meaning(schema, infer(scan_segments(paths, asked, without=deleted), spellings=spellings))


def meaning(schema: Schema, found: Schema) -> Schema:
    """The schema, its columns meaning what they mean in `found`; those that are not there, what they meant."""
    return Schema(tuple(_meaning(column, found) for column in schema.columns))


def _meaning(column: ColumnSchema, found: Schema) -> ColumnSchema:
    if column.name not in found:
        return column
    return replace(column, type=found[column.name].type, reason=found[column.name].reason)
