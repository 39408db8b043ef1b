"""Rewriting: the rows of a dataset written anew with a column more, in the place of those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.core.dataset import DatasetVersion, Segment
from athanor.core.ids import new_id
from athanor.core.ports import BlobStore, Transaction
from athanor.engine.schema import ColumnSchema, Schema
from athanor.errors import Conflict
from athanor.services.references import unreferred
from athanor.services.rows import row_ids
from athanor.services.rows.arrivals import Keeping
from athanor.services.rows.contents import Content
from athanor.services.versions import is_frozen, move_on, segments_of

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """Segments whose blobs are there, and the schema that they share. Their positions are given later."""

    segments: Sequence[Segment]
    schema: Schema


def with_column(
    held: Content,
    schema: Schema,
    column: ColumnSchema,
    cells: pl.Series,
    *,
    blobs: BlobStore,
    keeping: Keeping,
    folder: Path,
    now: datetime,
) -> Rewritten:
    """What is left of the content, segment by segment, `cells` being its column: of the schema, or a further one.

    Rows that were deleted are gone afterwards. Raises Conflict where there are not as many rows as cells.
    """
    import polars as pl

    from athanor.engine.segments import Deleted, scan_segments, write_segment

    columns = {**{there.name: there for there in schema.columns}, column.name: column}
    wider, others = Schema(tuple(columns.values())), schema.select([name for name in columns if name != column.name])
    paths, without = held.files(blobs)
    written, n_rows = [], 0
    for place, (segment, path) in enumerate(zip(held.rows, paths, strict=True)):
        gone = None if without is None else without.tombstones.get(place)
        own = None if without is None or gone is None else Deleted(id_column=without.id_column, tombstones={0: gone})
        rows = scan_segments([path], others, without=own).collect()
        if not rows.height:
            continue
        there = {series.name: series for series in rows.get_columns()}
        there[column.name] = cells.slice(n_rows, rows.height).alias(column.name)
        n_rows += rows.height
        if n_rows > len(cells):
            break
        made = new_id()
        file = write_segment(pl.DataFrame([there[name] for name in wider.names]), folder / f"{made}.parquet")
        ids_blob = None
        if held.id_column is not None:
            hashes = row_ids.hashes_of(there[held.id_column].cast(pl.String).to_list())
            ids_blob = keeping.put(made, "ids/{}.npy", row_ids.as_file(hashes))
        # As after merging: the bytes that it came of are known where all of their rows are there.
        sources = () if own is not None else (segment.source_sha256, *segment.merged_sha256)
        written.append(
            replace(
                segment,
                id=made,
                n_rows=file.n_rows,
                size_bytes=file.size_bytes,
                blob=keeping.put(made, "segments/{}.parquet", file.path),
                ids_blob=ids_blob,
                source_sha256="",
                merged_sha256=tuple(dict.fromkeys(sha256 for sha256 in sources if sha256)),
                created_at=now,
            )
        )
        file.path.unlink()
    if n_rows != len(cells):
        raise Conflict("The dataset got other rows while it was written anew. Look at it, and ask again.")
    return Rewritten(segments=written, schema=wider)


def put_in_place(transaction: Transaction, newest: DatasetVersion, rewritten: Rewritten, *, now: datetime) -> list[str]:
    """Make the segments the content of the dataset's next state; the blobs that nothing refers to any more.

    A version that somebody relies on keeps its own. In a transaction that has the dataset's lock.
    """
    others = transaction.versions.find({"dataset_id": newest.dataset_id}).items
    fixed = max((version.end for version in others if version.id != newest.id), default=0)
    if is_frozen(transaction, newest):
        fixed = newest.end
    old = [segment for segment in segments_of(transaction, newest) if segment.position >= fixed]
    for segment in old:
        transaction.segments.remove(segment.id)
    start = newest.end - len(old)
    for place, segment in enumerate(rewritten.segments):
        transaction.segments.add(replace(segment, position=start + place))
    move_on(
        transaction,
        newest,
        now=now,
        first_segment=start,
        n_segments=len(rewritten.segments),
        schema=rewritten.schema,
    )
    return unreferred(transaction, old)
