"""Compressed files and archives: one table in them, inflated once into a plain temporary file within a cap."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from athanor.engine.readers import ReaderOptions
from athanor.errors import InvalidInput, TooLarge, Unavailable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_CHUNK = 4 * 1024**2
_MOST_MEMBERS = 1000
_DISK_RESERVE = 64 * 1024**2  # bytes of the disk that inflating leaves to others
_TABLES = (
    *(".csv", ".tsv", ".tab", ".txt", ".data", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".json", ".jsonl"),
    *(".ndjson", ".xlsx", ".arff", ".libsvm", ".svm", ".f32", ".bin", ".npy"),
)
_SHOWN = 20  # names that a message lists
ENDINGS = (".gz", ".zst", ".zstd", ".bz2", ".xz", ".zip")

_DAMAGE = (  # what the libraries raise; NotImplementedError: a method of compression that they lack
    *(EOFError, OSError, NotImplementedError),
    *(zlib.error, zstd.ZstdError, lzma.LZMAError, zipfile.BadZipFile),
)
_DAMAGED_ARCHIVE = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError)
_OPENERS: dict[str, Callable[[Path], Any]] = {
    "gzip": gzip.open,
    "zstd": zstd.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
}
_MAGICS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # without a member
}
KINDS = tuple(dict.fromkeys(_MAGICS.values()))


@contextmanager
def plain(
    path: Path, filename: str, options: ReaderOptions, *, folder: Path | None = None
) -> Iterator[tuple[Path, str]]:
    """The plain file in a file that may be compressed, and what it is called; inflated ones are gone at the end.

    folder  where they are inflated; None: with the temporary files of the system
    Raises InvalidInput for an archive that is damaged, encrypted, nested or without exactly one table, TooLarge where
    it grows beyond `options.max_inflated_bytes`, Unavailable where the disk is full.
    """
    if path.is_fifo():
        raise InvalidInput(f"The file {filename!r} is a pipe, which can be read only once; save it as a file first.")
    try:
        kind = container_kind(path)
    except OSError as error:
        raise InvalidInput(f"The file {filename!r} cannot be read: {error.strerror}.") from error
    if kind != "zip" and options.member is not None:
        raise InvalidInput(f"`member` names a file in a ZIP archive, and {filename!r} is none.", field="member")
    if kind is None:
        yield path, filename
        return
    with tempfile.TemporaryDirectory(prefix="athanor-inflated-", dir=folder) as inflated:
        target = Path(inflated) / "plain"
        try:
            if kind == "zip":
                with _archive(path, filename) as archive:
                    member = _member(archive, filename, options.member)
                    inner = PurePosixPath(member.filename).name
                    with archive.open(member) as source:
                        _inflate(source, target, filename, options.max_inflated_bytes)
            else:
                inner = without_ending(filename)
                with _OPENERS[kind](path) as source:
                    _inflate(source, target, filename, options.max_inflated_bytes)
        except _DAMAGE as error:
            raise InvalidInput(f"The {kind} file {filename!r} is damaged or cut off: {error}") from error
        _check_plain(target, kind, filename)
        yield target, inner


def container_kind(path: Path) -> str | None:
    """What kind of compressed file or archive this is, by its content. None for any other; workbooks are others."""
    kind = packing(path)
    if kind == "zip":
        try:
            with zipfile.ZipFile(path) as archive:
                return None if _is_workbook(archive) else kind
        except _DAMAGED_ARCHIVE:
            return kind
    return kind


def packing(path: Path) -> str | None:
    """What the first bytes say: a "zip" may be a workbook."""
    with path.open("rb") as file:
        head = file.read(8)
    return next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), None)


def _archive(path: Path, filename: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _DAMAGED_ARCHIVE as error:
        raise InvalidInput(f"The zip file {filename!r} is damaged or cut off: {error}") from error


def _is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether this is one of the formats of office programs, which are ZIP archives too."""
    names = archive.namelist()
    return "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= set(names)


def _check_plain(file: Path, kind: str, filename: str) -> None:
    nested = container_kind(file)
    if nested is not None:
        raise InvalidInput(
            f"The {kind} file {filename!r} holds another archive inside ({nested}). Unpack it, and send the table."
        )


def _member(archive: zipfile.ZipFile, filename: str, wanted: str | None) -> zipfile.ZipInfo:
    """The member that is wanted, or the only table."""
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise InvalidInput(
            f"The zip file {filename!r} has {len(members):,} members; {_MOST_MEMBERS:,} are allowed. "
            "Send the table alone."
        )
    files = [member for member in members if not member.is_dir() and not _is_hidden(member.filename)]
    if not files:
        raise InvalidInput(f"The zip file {filename!r} holds no file. Pack the table into it, or send it plain.")
    names = ", ".join(repr(member.filename) for member in files[:_SHOWN])
    if wanted is not None:
        chosen = [member for member in files if member.filename == wanted]
        if not chosen:
            raise InvalidInput(f"The zip file {filename!r} has no member {wanted!r}. It has: {names}.", field="member")
    else:
        chosen = files
        if len(files) > 1:
            chosen = [member for member in files if member.filename.lower().endswith(_TABLES)]
        if len(chosen) != 1:
            raise InvalidInput(
                f"The zip file {filename!r} must hold one table, but its files are: {names}. "
                "Say which `member` to read.",
                field="member",
            )
    if chosen[0].flag_bits & 1:
        raise InvalidInput(f"The zip file {filename!r} is encrypted. Send it without a password.")
    return chosen[0]


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or not parts or parts[-1].startswith(".")


def without_ending(filename: str) -> str:
    """`sales.csv.gz` → `sales.csv`."""
    lower = filename.lower()
    return next((filename[: -len(ending)] for ending in ENDINGS if lower.endswith(ending)), filename)


def _inflate(source: IO[bytes], target: Path, filename: str, largest: int) -> None:
    total = 0
    with target.open("wb") as file:
        while part := source.read(_CHUNK):
            total += len(part)
            if total > largest:
                raise TooLarge(
                    f"The file {filename!r} inflates to more than {largest:,} bytes. Split it into smaller files."
                )
            if shutil.disk_usage(target.parent).free < len(part) + _DISK_RESERVE:
                raise _full(filename, "hardly any room is left")
            try:
                _write(file, part)
            except OSError as error:
                raise _full(filename, str(error)) from error


def _write(file: IO[bytes], part: bytes) -> None:
    file.write(part)
    file.flush()


def _full(filename: str, why: str) -> Unavailable:
    return Unavailable(
        f"The disk is full while {filename!r} is inflated ({why}). Make room for temporary files, or send less."
    )
