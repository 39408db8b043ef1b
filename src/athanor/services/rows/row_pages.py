"""The rows of a dataset version: a page of them, all of them as one file, and those that could not be read."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.core.dataset import DatasetVersion, Segment
from athanor.core.ports import BlobStore
from athanor.engine.readers.rejects import REJECTS_HEADER
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.errors import InvalidInput, NotSupported, Unavailable
from athanor.services.rows.contents import Content

if TYPE_CHECKING:
    import polars as pl

MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
_AT_ONCE = 50_000  # rows of a CSV file that are written at once
_CHUNK = 2**20  # bytes
MOST_CELLS = 1_000_000  # of a page, each component of a vector one


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPage:
    """Some rows of a version, in order. Cells are what JSON can say: null, truth, number, text (times as ISO 8601),
    a list of numbers (a dense vector), or {"indices": […], "values": […]} (a sparse one).
    """

    version: DatasetVersion
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    offset: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A table on its way out. `chunks` is gone through once, and closed when that ends early."""

    filename: str
    media_type: str
    chunks: Iterator[bytes]


def page(content: Content, blobs: BlobStore, schema: Schema, *, offset: int, limit: int) -> list[list[Any]]:
    """Rows from `offset` on, at most `limit`, with the columns of `schema`. Only segments that hold them are read.

    Raises InvalidInput where these are more than MOST_CELLS cells; one row may have as many as it has.
    """
    import polars as pl

    limit = min(limit, sum(segment.n_rows for segment in content.rows))
    n_cells = limit * sum((column.dim or 0) if column.storage is Storage.DENSE else 1 for column in schema.columns)
    _check_page(limit, n_cells)
    n_wanted = limit
    columns: list[list[Any]] = [[] for _ in schema.columns]
    for part in content.parts(blobs):
        if limit <= 0:
            break
        frame = part.scan(schema)
        n_live = part.segment.n_rows if part.deleted is None else frame.select(pl.len()).collect().item()
        if offset < n_live:
            taken = frame.slice(offset, limit).collect()
            n_cells += sum(
                int(series.struct.field("indices").list.len().sum())
                for series, column in zip(taken.get_columns(), schema.columns, strict=True)
                if column.storage is Storage.SPARSE
            )
            _check_page(n_wanted, n_cells)
            for gathered, series, column in zip(columns, taken.get_columns(), schema.columns, strict=True):
                gathered.extend(_plain(series, column))
            limit -= taken.height
        offset = max(offset - n_live, 0)
    return [list(row) for row in zip(*columns, strict=True)]


def _check_page(limit: int, n_cells: int) -> None:
    if limit > 1 and n_cells > MOST_CELLS:
        raise InvalidInput(
            f"{limit:,} rows are more than the {MOST_CELLS:,} cells that are given at once, each component of a vector "
            "being one. Ask for fewer rows with `limit`, or for some columns with `columns`.",
            field="limit",
        )


def as_file(
    content: Content,
    blobs: BlobStore,
    schema: Schema,
    *,
    name: str,
    file_format: str,
    folder: AbstractContextManager[Path],
) -> Download:
    """All rows as a file whose format is one of MEDIA_TYPES. Raises NotSupported for vectors in a CSV file.

    folder  where a Parquet file is made, entered with the first chunk and left with the last
    """
    if file_format == "parquet":
        chunks = _parquet(content, blobs, schema, folder)
    else:
        for column in schema.columns:
            if column.storage.is_vector:
                raise NotSupported(f"Column {column.name!r} holds vectors, which CSV cannot say. Download Parquet.")
        chunks = _csv(content, blobs, schema)
    return Download(filename=f"{name}.{file_format}", media_type=MEDIA_TYPES[file_format], chunks=chunks)


def _csv(content: Content, blobs: BlobStore, schema: Schema) -> Iterator[bytes]:
    """UTF-8 with a header, spelled so that a reader finds the same cells."""
    import polars as pl

    # An empty line is no row to a reader, so that the missing cell of an only column needs a word.
    missing = "NA" if len(schema.columns) == 1 else ""
    yield _spelled(pl.DataFrame(schema=dict.fromkeys(schema.names, pl.String)), missing, include_header=True)
    for part in content.parts(blobs):
        rows = part.scan(schema).collect()
        for start in range(0, rows.height, _AT_ONCE):
            yield _spelled(rows.slice(start, _AT_ONCE), missing, include_header=False)


def _parquet(
    content: Content, blobs: BlobStore, schema: Schema, folder: AbstractContextManager[Path]
) -> Iterator[bytes]:
    import polars as pl

    from athanor.engine.tables.segments import scan_segments

    with folder as inside:
        paths, without = content.files(blobs)
        file = inside / "table.parquet"
        try:
            scan_segments(paths, schema, without=without).sink_parquet(file)
        except pl.exceptions.PolarsError as error:
            raise Unavailable(f"The table cannot be written now: {error} (disk full?).") from error
        with file.open("rb") as source:
            while chunk := source.read(_CHUNK):
                yield chunk


def rejects(segments: Sequence[Segment], blobs: BlobStore) -> Iterator[bytes]:
    """The rows of the segments' files that could not be read, as one CSV file."""
    header = REJECTS_HEADER.encode()
    yield header
    for segment in segments:
        if segment.rejects_blob is not None:
            with blobs.open(segment.rejects_blob) as file:
                file.seek(len(header))
                while chunk := file.read(_CHUNK):
                    yield chunk


def _spelled(frame: pl.DataFrame, missing: str, *, include_header: bool) -> bytes:
    file = io.BytesIO()
    frame.write_csv(file, include_header=include_header, null_value=missing, datetime_format="%Y-%m-%dT%H:%M:%S%.6f")
    return file.getvalue()


def _plain(series: pl.Series, column: ColumnSchema) -> Sequence[Any]:
    """Cells as JSON can say them."""
    cells = series.to_list()
    if column.storage is Storage.DATETIME:
        return [None if cell is None else cell.isoformat() for cell in cells]
    return cells
