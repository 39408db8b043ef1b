"""Blobs in memory, with the semantics of the ones on disk: for tests, and for nothing that must last."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from athanor.backends.blobs import check_key
from athanor.core.ports import Blob
from athanor.errors import Conflict, InvalidInput, NotFound, TooLarge


class MemoryBlobs:
    """Fills `BlobStore`. `folder` is where `local` unfolds what it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blobs: dict[str, bytes] = {}
        self._changing = threading.Lock()

    def put(self, key: str, source: BinaryIO | Iterable[bytes], *, limit: int | None = None) -> Blob:
        check_key(key)
        content = bytearray()
        for block in [source.read()] if hasattr(source, "read") else source:
            content += block
            if limit is not None and len(content) > limit:
                raise TooLarge(f"More than the {limit:,} bytes that are allowed came.")
        self._keep(key, {key: bytes(content)})
        return Blob(key=key, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())

    def put_folder(self, prefix: str, folder: Path) -> None:
        check_key(prefix)
        files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
        if not files or not all(path.is_file() and not path.is_symlink() for path in files):
            raise InvalidInput(f"The folder {folder} must have files, and nothing but files.")
        content = {f"{prefix}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in files}
        for key in content:
            check_key(key)
        self._keep(prefix, content)

    def open(self, key: str) -> BinaryIO:
        content = self._blobs.get(check_key(key))
        if content is None:
            raise NotFound(f"No blob {key!r}.")
        return io.BytesIO(content)

    def local(self, key: str) -> Path:
        keys = list(self.keys(check_key(key)))
        if not keys:
            raise NotFound(f"No blob {key!r}, and none below it.")
        for one in keys:
            path = self._folder / one
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._blobs[one])
        return self._folder / key

    def keys(self, prefix: str = "") -> Iterator[str]:
        start = check_key(prefix.removesuffix("/")) if prefix else ""
        yield from sorted(
            (key for key in list(self._blobs) if not start or key == start or key.startswith(f"{start}/")),
            key=lambda key: key.split("/"),
        )

    def delete(self, key: str) -> None:
        for one in list(self.keys(check_key(key))):
            self._blobs.pop(one, None)
            (self._folder / one).unlink(missing_ok=True)

    def _keep(self, key: str, content: dict[str, bytes]) -> None:
        parts = key.split("/")
        above = {"/".join(parts[:count]) for count in range(1, len(parts))}
        with self._changing:
            if above & self._blobs.keys() or next(self.keys(key), None) is not None:
                raise Conflict(f"There is a blob {key!r} already, or one that stands where its folder would.")
            self._blobs |= content
