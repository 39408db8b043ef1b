"""Matrices of numbers: raw little-endian float32, NumPy's npy, and fvecs. One row is one dense vector."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.readers import Notes, ReaderOptions
from athanor.errors import InvalidInput

FEATURES = "features"
_BLOCK = 16 * 1024**2  # bytes
_NPY = b"\x93NUMPY"
_ENDINGS = (".f32", ".bin", ".fvecs")
_CONTROL = bytes(set(range(32)) - set(b"\t\n\f\r\x1b"))  # no text has these


class Float32:
    """Raw float32 needs `dim`. Without npy's signature a file is taken for one by its ending, unless it is text."""

    format = "float32"

    def claims(self, head: bytes, filename: str) -> bool:
        if head.startswith(_NPY):
            return True
        return filename.lower().endswith(_ENDINGS) and len(head.translate(None, _CONTROL)) < len(head)

    def open(self, file: Path, options: ReaderOptions) -> _Opened:
        with file.open("rb") as content:
            start = content.read(len(_NPY))
        if start.startswith(_NPY):
            matrix = _npy(file)
        elif (dim := _fvecs_dim(file)) is not None:
            matrix = _fvecs(file, dim)
        elif options.dim is None:
            raise InvalidInput("Say how many numbers a row of this file has: `dim`.", field="dim")
        else:
            matrix = _raw(file, options.dim)
        if options.dim is not None and matrix.shape[1] != options.dim:
            raise InvalidInput(
                f"The file has {matrix.shape[1]} numbers a row, and `dim` is {options.dim}.", field="dim"
            )
        return _Opened(matrix)


FLOAT32 = Float32()


@dataclass(frozen=True, slots=True)
class _Opened:
    matrix: NDArray[Any]  # (n_rows, dim), mapped
    is_spelled: bool = False

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        """Rows with a number that is not finite, or none that float32 can hold, are rejected."""
        n_rows, dim = self.matrix.shape
        if self.matrix.dtype.itemsize > np.dtype(np.float32).itemsize:
            notes.warnings.append(f"Numbers of {self.matrix.dtype.itemsize * 8} bits are kept as float32.")
        step = max(_BLOCK // (dim * self.matrix.dtype.itemsize), 1)
        for start in range(0, n_rows, step):
            part = self.matrix[start : start + step]
            with np.errstate(over="ignore"):  # what is beyond becomes infinite
                kept = np.ascontiguousarray(part, np.float32)
            is_good = np.isfinite(kept).all(axis=1)
            for row in np.flatnonzero(~is_good).tolist():
                place = int(np.flatnonzero(~np.isfinite(kept[row]))[0])
                reason = f"number {place + 1} is {part[row, place]}, which is not finite or beyond float32"
                notes.reject(start + row + 1, reason, " ".join(map(str, part[row, :1000].tolist())))
            kept = kept if is_good.all() else kept[is_good]
            if len(kept):
                yield pl.DataFrame([pl.Series(FEATURES, kept, dtype=pl.Array(pl.Float32, dim))])


def _npy(file: Path) -> NDArray[Any]:
    try:
        matrix: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InvalidInput(f"The npy file cannot be read: {error}") from error
    if matrix.dtype.kind not in "fiub":
        raise InvalidInput(f"The npy file holds {matrix.dtype}, and numbers are needed.")
    if matrix.ndim != 2 or not matrix.size:
        raise InvalidInput(f"The npy file has the shape {matrix.shape}; rows of at least one number each are needed.")
    return matrix


def _raw(file: Path, dim: int) -> NDArray[Any]:
    size = file.stat().st_size
    if size % (4 * dim):
        raise InvalidInput(
            f"The file has {size:,} bytes, which are no whole rows of {dim} float32 numbers ({4 * dim} bytes each). "
            "Is `dim` right, and the file complete?",
            field="dim",
        )
    return np.memmap(file, "<f4", mode="r", shape=(size // (4 * dim), dim))


def _fvecs_dim(file: Path) -> int | None:
    """How many numbers a row has, where each row begins with their number, as in fvecs; None where this is none."""
    with file.open("rb") as content:
        start = content.read(4)
    dim, size = int.from_bytes(start, "little", signed=True), file.stat().st_size
    if len(start) < 4 or dim < 1 or size % (4 * (dim + 1)):
        return None
    counts = np.memmap(file, "<i4", mode="r", shape=(size // (4 * (dim + 1)), dim + 1))[:, 0]
    return dim if bool((counts == dim).all()) else None


def _fvecs(file: Path, dim: int) -> NDArray[Any]:
    rows = file.stat().st_size // (4 * (dim + 1))
    return np.memmap(file, "<f4", mode="r", shape=(rows, dim + 1))[:, 1:]
