"""Arrays that are filled part by part: in memory, or in an npy file, which is mapped once it is full."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from athanor.errors import Unavailable

_GROWTH = 1.125


class Growing(Protocol):
    """An array in the making."""

    def put(self, part: NDArray[Any]) -> None:
        """Further rows, behind those that are there."""
        ...

    def array(self) -> NDArray[Any]:
        """All rows; nothing is put behind them any more. The caller may write into them until others see them."""
        ...


def growing(dtype: DTypeLike, *, n_rows: int | None = None, width: int | None = None, path: Path | None) -> Growing:
    """An empty array, in the file `path` or, where that is None, in memory.

    n_rows  how many will come, where that is known
    width   of a row, where it has several values
    """
    shape = () if width is None else (width,)
    return _InMemory(np.dtype(dtype), n_rows, shape) if path is None else _InFile(path, np.dtype(dtype), shape)


def mapped(path: Path) -> NDArray[Any]:
    """The array in an npy file, mapped read-only."""
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def keep_array(array: NDArray[Any], path: Path) -> None:
    """Write an array as an npy file. Where one holds it already, nothing is written: that file gets a second name."""
    there = _file_of(array)
    if there is not None:
        with suppress(OSError):  # another disk, or the file has no name any more
            os.link(there, path)
            return
    np.save(path, array, allow_pickle=False)


def keep_rows(arrays: Sequence[NDArray[Any]], path: Path) -> None:
    """Write arrays of one type and length as the rows of one npy file."""
    dtype = arrays[0].dtype
    head = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": (len(arrays), len(arrays[0])),
    }
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
        for array in arrays:
            file.write(bytes_of(np.ascontiguousarray(array)))


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether an array lies in a mapped file."""
    return _mapping(array) is not None


def let_go(array: NDArray[Any]) -> None:
    """The pages of a mapped array count as memory of this process no more, until it looks at them again."""
    found: Any = _mapping(array)
    if found is not None and hasattr(mmap, "MADV_DONTNEED"):
        found.base.madvise(mmap.MADV_DONTNEED)


class _InMemory:
    """Grows in place: what is not written to takes no memory, and the system moves pages instead of copying them."""

    def __init__(self, dtype: np.dtype[Any], n_rows: int | None, shape: tuple[int, ...]) -> None:
        self._values = np.empty((n_rows or 0, *shape), dtype)
        self._n_rows = 0

    def put(self, part: NDArray[Any]) -> None:
        end = self._n_rows + len(part)
        if end > len(self._values):
            self._values.resize((int(end * _GROWTH), *self._values.shape[1:]), refcheck=False)
        self._values[self._n_rows : end] = part
        self._n_rows = end

    def array(self) -> NDArray[Any]:
        if self._n_rows < len(self._values):
            self._values.resize((self._n_rows, *self._values.shape[1:]), refcheck=False)
        return self._values


class _InFile:
    """Written from front to back, not through a mapping: a full disk is an error then, not the process' end."""

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._path, self._dtype, self._shape = path, dtype, shape
        self._n_rows = 0
        self._file = path.open("wb")
        self._write_head()
        self._head_bytes = self._file.tell()

    def put(self, part: NDArray[Any]) -> None:
        try:
            self._file.write(bytes_of(np.ascontiguousarray(part, self._dtype)))
        except OSError as error:
            raise _unwritten(error) from error
        self._n_rows += len(part)

    def array(self) -> NDArray[Any]:
        try:
            self._file.seek(0)
            self._write_head()
            if self._file.tell() != self._head_bytes:
                raise RuntimeError("The head of an npy file has room for any number of rows.")
            self._file.close()
        except OSError as error:
            raise _unwritten(error) from error
        values: NDArray[Any] = np.load(self._path, mmap_mode="r+", allow_pickle=False)
        return values

    def _write_head(self) -> None:
        shape = (self._n_rows, *self._shape)
        head = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, head)


def bytes_of(array: NDArray[Any]) -> memoryview:
    """The bytes of an array that lies in one piece, not copied."""
    cells: Any = array.reshape(-1).view(np.uint8)
    return memoryview(cells)


def _unwritten(error: OSError) -> Unavailable:
    return Unavailable(f"The table cannot be written now: {error.strerror or error} (disk full?).")


def _mapping(array: NDArray[Any]) -> np.memmap[Any, Any] | None:
    """The whole mapped file that an array is a part of."""
    part: Any = array
    while part is not None and not isinstance(getattr(part, "base", None), mmap.mmap):
        part = getattr(part, "base", None)
    return part if isinstance(part, np.memmap) else None


def _file_of(array: NDArray[Any]) -> Path | None:
    """The npy file that holds this array and nothing else."""
    found = _mapping(array)
    if found is None or found.filename is None or Path(found.filename).suffix != ".npy":
        return None
    is_whole = array.ctypes.data == found.ctypes.data and array.shape == found.shape and array.dtype == found.dtype
    return Path(found.filename) if is_whole and array.flags.c_contiguous else None
