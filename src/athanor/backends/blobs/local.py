"""Blobs in a folder of this machine: written under a temporary name, synced, then given their own."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from athanor.backends.blobs import check_key
from athanor.core.ports import Blob
from athanor.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable

_BLOCK = 1 << 20  # bytes read at once
_ABANDONED_S = 3600  # a temporary that nobody wrote to for an hour
_TRIES = 100  # to write into a folder that others keep emptying
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class LocalBlobs:
    """Fills `BlobStore`.

    What is being written stands in `.tmp/<host>-<pid>-…`, which no key can name, on the same file system; it gets its
    key in one step when all of it is on the disk. What writers left behind is swept when a store is opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._temporary = folder / ".tmp"
        with _store_errors():
            self._temporary.mkdir(parents=True, exist_ok=True)
            _sync(folder.parent)
            self._sweep()

    def put(self, key: str, source: BinaryIO | Iterable[bytes], *, limit: int | None = None) -> Blob:
        path = self._folder / check_key(key)
        temporary = self._new_temporary()
        try:
            size, digest = 0, hashlib.sha256()
            with _store_errors():
                file = temporary.open("xb", buffering=0)  # nothing is left to write, and to fail, when it is closed
            with file:
                for block in _blocks(source):
                    size += len(block)
                    if limit is not None and size > limit:
                        raise TooLarge(f"More than the {limit:,} bytes that are allowed came.")
                    digest.update(block)
                    with _store_errors():
                        _write(file, block)
                with _store_errors():
                    os.fsync(file.fileno())
            with _store_errors(key):
                self._give_key(temporary, path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return Blob(key=key, size_bytes=size, sha256=digest.hexdigest())

    def put_folder(self, prefix: str, folder: Path) -> None:
        target = self._folder / check_key(prefix)
        names = [path.relative_to(folder).as_posix() for path in _files(folder)]
        if not names:
            raise InvalidInput(f"There is no file in the folder {folder} to keep as {prefix!r}.")
        for name in names:
            check_key(f"{prefix}/{name}")
        temporary = self._new_temporary()
        try:
            with _store_errors(prefix):
                for name in names:
                    copy = temporary / name
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(folder / name, copy, follow_symlinks=False)
                    _sync(copy)
                for inside, _, _ in os.walk(temporary):
                    _sync(Path(inside))
                self._give_key(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def open(self, key: str) -> BinaryIO:
        path = self._folder / check_key(key)
        with _store_errors():
            if path.is_file():
                with suppress(FileNotFoundError):
                    return path.open("rb")
        raise NotFound(f"No blob {key!r}.")

    def local(self, key: str) -> Path:
        path = self._folder / check_key(key)
        if not path.exists():
            raise NotFound(f"No blob {key!r}, and none below it.")
        return path

    def keys(self, prefix: str = "") -> Iterator[str]:
        start = self._folder / check_key(prefix.removesuffix("/")) if prefix else self._folder
        if start.is_file():
            yield start.relative_to(self._folder).as_posix()
        for inside, folders, names in os.walk(start):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                yield (Path(inside) / name).relative_to(self._folder).as_posix()

    def delete(self, key: str) -> None:
        path = self._folder / check_key(key)
        with _store_errors(), suppress(FileNotFoundError, NotADirectoryError):
            if path.is_dir():
                self._delete_folder(path)
            else:
                # Not synced: a file that a crash brings back is whole, and swept, since no record names it.
                path.unlink()
                self._drop_empty(path.parent)

    def _delete_folder(self, path: Path) -> None:
        """It goes in one step, and is emptied where nobody sees it."""
        temporary = self._new_temporary()
        path.rename(temporary)
        self._drop_empty(path.parent)
        self._sync_up(path.parent)  # before the first of its files goes: all of them come back, or none
        shutil.rmtree(temporary)

    def _new_temporary(self) -> Path:
        return self._temporary / f"{_this_writer()}-{uuid4().hex}"

    def _give_key(self, temporary: Path, path: Path) -> None:
        """The last step: `path` is what was written, or an OSError comes and nothing is there."""
        for tries_left in reversed(range(_TRIES)):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                if temporary.is_dir():
                    temporary.rename(path)  # refused where a file or a filled folder stands
                else:
                    _link(temporary, path)
                break
            except (FileNotFoundError, FileExistsError):
                # Someone who deletes may have taken the emptied folder away in the middle of this.
                if path.exists() or path.parent.is_file() or not temporary.exists() or not tries_left:
                    raise
        self._sync_up(path.parent)

    def _sync_up(self, folder: Path) -> None:
        """The folder's names and its own name, up to the store: another writer may have made it and not synced yet."""
        while True:
            with suppress(FileNotFoundError):  # deleted meanwhile, which whoever deleted it syncs
                _sync(folder)
            if folder == self._folder:
                return
            folder = folder.parent

    def _drop_empty(self, folder: Path) -> None:
        while folder != self._folder:
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:  # not empty
                return
            folder = folder.parent

    def _sweep(self) -> None:
        now = self._now()
        for left in self._temporary.iterdir():
            with suppress(FileNotFoundError):
                if now - left.stat().st_mtime > _ABANDONED_S or _is_dead(left.name):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()

    def _now(self) -> float:
        """The time as the file system has it, which is what the times of its files go by."""
        probe = self._new_temporary()
        probe.touch()
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink()


def _blocks(source: BinaryIO | Iterable[bytes]) -> Iterable[bytes]:
    if hasattr(source, "read"):
        read = source.read
        return iter(lambda: read(_BLOCK), b"")
    return source


def _write(file: FileIO, block: bytes) -> None:
    left = memoryview(block)
    while left:
        left = left[file.write(left) :]


def _link(temporary: Path, path: Path) -> None:
    """A second name for the file. Unlike a rename it never replaces; where a file system has no links, nearly never."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        temporary.rename(path)


def _files(folder: Path) -> list[Path]:
    """All files below the folder. Raises InvalidInput for what is neither file nor folder, links included."""
    found = []
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            found.append(path)
        elif not stat.S_ISDIR(mode):
            raise InvalidInput(f"{path} is neither a file nor a folder, and cannot be kept as a blob.")
    return found


def _sync(path: Path) -> None:
    """What is in the file, or which names are in the folder, is on the disk when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _this_writer() -> str:
    return f"{_host()}-{os.getpid()}"


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _is_dead(name: str) -> bool:
    """Whether the writer of the temporary was a process of this machine that is gone."""
    host, _, rest = name.partition("-")
    pid = rest.partition("-")[0]
    if host != _host() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


@contextmanager
def _store_errors(key: str | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if key is not None and error.errno in _TAKEN:
            raise Conflict(f"There is a blob {key!r} already, or one that stands where its folder would.") from error
        raise Unavailable(f"The blob store cannot be used now: {error.strerror or error} (disk full?).") from error
