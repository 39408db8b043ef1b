"""Formats of the files that collections take: how one is read, what its columns are called, where its indices begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.engine.readers import ReaderOptions
from athanor.errors import InvalidInput
from athanor.services.collections.batches import VectorBatch

if TYPE_CHECKING:
    from athanor.engine.readers.segmenting import Written
    from athanor.services.rows.arrivals import Arrivals

# A batch of a plain file whose records hold vectors; None of any other file. How they are spelled is a dialect's.
ReadVectors = Callable[[Path], VectorBatch | None]

FORMATS = ("csv", "json", "libsvm", "binary")
LARGEST_INFLATED = 2 * 2**30  # bytes that a compressed file may grow to, where the platform allows as many
# None: of several that are alike the content says which one.
_READERS: Mapping[str, str | None] = {"csv": "csv", "json": None, "libsvm": "libsvm", "binary": "float32"}
_JSON = {"json", "jsonl"}


def reader_options(file_format: str, *, has_header: bool = True, dim: int | None = None) -> ReaderOptions:
    """How a file of the format is read.

    has_header  of a csv: its first line names the columns
    dim         of a binary file: how many numbers a row has
    """
    options = ReaderOptions(format=_READERS[file_format], max_inflated_bytes=LARGEST_INFLATED)
    if file_format == "csv":
        return replace(options, delimiter=",", quote='"', decimal=".", has_header=has_header)
    return replace(options, dim=dim) if file_format == "binary" else options


def vectors_in(arrivals: Arrivals, path: Path, filename: str, read: ReadVectors | None) -> VectorBatch | None:
    """The vectors of a file of records that hold such; None of any other file."""
    if read is None:
        return None
    with arrivals.plain(path, filename=filename, largest=LARGEST_INFLATED) as file:
        return read(file)


def check_format(file_format: str, found: str) -> None:
    """Raises InvalidInput where a file that is said to be JSON was read as something else."""
    if file_format == "json" and found not in _JSON:
        raise InvalidInput(f"The file is no JSON but {found}.", field="format")


def check_written(file_format: str, written: Written) -> None:
    """Raises InvalidInput naming the first row that cannot be read, or where the file is something else."""
    if written.n_rejected:
        more = f", and {written.n_rejected - 1:,} more rows" if written.n_rejected > 1 else ""
        first = written.rejects[0]
        raise InvalidInput(
            f"Line {first.line} of the file cannot be read: {first.reason}{more}. Nothing of it was taken; "
            "correct it and send it again.",
            field="file",
        )
    check_format(file_format, written.format)


def as_read(name: str) -> str:
    """What the reader calls the column `name` of a file without names: we count them from 0, it does from 1."""
    return f"column_{int(name) + 1}" if name.isascii() and name.isdigit() else name


def first_index(lowest: int | None, known: int | None) -> int | None:
    """What the indices of a libsvm file count from, 0 or 1; None where it has none to tell.

    lowest  index in the file
    known   what the files before it count from; None: there is none, and this one says
    Raises InvalidInput where it counts otherwise than they do.
    """
    if known == 1 and lowest == 0:
        raise InvalidInput(
            "The file has an index 0, and the indices of the collection count from 1, as they did in its first file. "
            "Count them alike in all files.",
            field="file",
        )
    return min(lowest, 1) if known is None and lowest is not None else known


def counted_from(first: int, matrix: Any) -> Any:
    """The sparse matrix, whose indices count from `first`, counted from 0."""
    from scipy.sparse import csr_matrix

    shape = (matrix.shape[0], max(matrix.shape[1] - first, 0))
    return csr_matrix((matrix.data, matrix.indices - first, matrix.indptr), shape)
