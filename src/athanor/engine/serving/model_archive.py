"""A model as one file: the files of its folder in a zip archive, which is believed as little as a folder is.

The same model gives the same bytes: files stand in the order of their names, without times, owners or comments.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import BinaryIO

from athanor.engine.disk import sync_folder, sync_tree
from athanor.engine.serving.model_files import BESIDE, HEAD, check_name, names_of, read_head, verify_files
from athanor.errors import InvalidInput, NotFound, TooLarge

SUFFIX = ".athanor"
MEDIA_TYPE = "application/zip"

_CHUNK = 2**20
_MOST_FILES = 10_000
_MOST_HEAD = 64 * 2**20  # bytes of model.json
# Unpacked, a model may be so large whatever the archive's size, or so many times as large as the archive. Boosters as
# text shrink to a third; an array of nothing but zeros shrinks to a thousandth, and is small.
_SMALL, _MOST_TIMES = 2**30, 50
_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that the format knows
_MODE = stat.S_IFREG | 0o644
_UNIX, _ENCRYPTED = 3, 0x1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"  # how the last records of an archive begin
_END_BYTES, _LOCATOR_BYTES = 22, 20
_DAMAGE = (  # NotImplementedError: a part of the format that the library lacks
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, OverflowError, ValueError),
)


def export_model(folder: Path, file: Path, *, replace: bool = False) -> None:
    """Write the model in `folder` as one file: whole under its name, or not at all.

    replace  whether an archive that stands there gives way; anything else never does

    Raises NotFound or InvalidInput where there is no model, where it is not as it was made, and where something stands
    at `file` already that is not to be replaced.
    """
    if folder.is_file():
        with _opened(folder):  # says what it is, if not an archive
            raise InvalidInput(f"{folder} is an exported model already: one file, to be sent and kept as it is.")
    if file.is_dir():
        raise InvalidInput(f"{file} is a folder. Name a file.")
    if not file.parent.is_dir():
        raise InvalidInput(f"There is no folder {file.parent}. Make it first, or name another place.")
    if os.path.lexists(file):
        if not replace:
            raise InvalidInput(f"{file} exists already. Name another file, or say that it is to be replaced.")
        _check_replaceable(file)
    head = read_head(folder)
    verify_files(folder, head)
    with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as beside:
        unfinished = Path(beside) / "unfinished"
        with zipfile.ZipFile(unfinished, "x") as archive:
            for name in names_of(folder, head):
                _add(archive, name, folder / name)
        sync_folder(unfinished)
        unfinished.replace(file)
    sync_folder(file.parent)


def import_model(file: Path, folder: Path) -> None:
    """Unpack a model into `folder`, which must be new or empty: all of it or nothing.

    Raises InvalidInput for what is no model's archive, is damaged, or holds anything else than a model.
    """
    place = folder.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InvalidInput(f"{folder} exists and is not empty. Give a new folder.")
    with TemporaryDirectory(prefix=f".{place.name}.", dir=place.parent) as beside:
        model = Path(beside) / "model"
        model.mkdir()
        _unpack(file, model)
        with _named(file, model):
            verify_files(model, read_head(model))
        sync_tree(model)
        model.replace(place)
    sync_folder(place.parent)


def open_model(place: Path) -> tuple[Path, TemporaryDirectory[str] | None]:
    """The folder of a model, and what has to live as long as it is used.

    place  a folder, which is taken as it is, or an archive, which is unpacked among the temporary files of the system

    Raises InvalidInput like `import_model`; the files themselves are not verified: `Predictor.load` does that.
    """
    if not place.is_file():
        return place, None
    keep = TemporaryDirectory(prefix="athanor-model-")
    try:
        _unpack(place, Path(keep.name))
    except BaseException:
        keep.cleanup()
        raise
    return Path(keep.name), keep


def _check_replaceable(file: Path) -> None:
    """Raises InvalidInput unless an archive of a model stands at `file` itself: not a link, a device, or a table."""
    if not stat.S_ISREG(file.lstat().st_mode):
        raise InvalidInput(f"{file} is a link, a device or the like, which is not replaced. Name another file.")
    try:
        with TemporaryDirectory(prefix="athanor-model-") as beside, _opened(file) as (archive, entries):
            _extract(archive, entries[HEAD], Path(beside))
            with _named(file, Path(beside)):
                read_head(Path(beside))
    except InvalidInput as error:
        raise InvalidInput(f"Only an exported model is replaced. {error} Name another file.") from error


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system, entry.external_attr = _UNIX, _MODE << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.file_size = path.stat().st_size  # told beforehand, as files beyond 2 GiB need wider fields
    with path.open("rb") as source, archive.open(entry, "w") as target:
        shutil.copyfileobj(source, target, _CHUNK)


def _unpack(file: Path, folder: Path) -> None:
    """The files of an archive in `folder`, which is empty: those that its model.json names, and no other."""
    with _opened(file) as (archive, entries):
        _extract(archive, entries.pop(HEAD), folder)
        with _named(file, folder):
            digests = read_head(folder)["files"]
        _check_complete(set(entries), set(digests), file)
        for name in sorted(entries):
            digest = _extract(archive, entries[name], folder)
            if digests.get(name, digest) != digest:
                raise _refusal(file, f"{name} has other contents than it was made with")


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """An archive, and what it lists. Raises InvalidInput for what is none, also while its files are read."""
    if not file.is_file():
        raise NotFound(f"There is no file {file}.")
    try:
        with file.open("rb") as stream:
            _check_length_of_list(stream, file)
            with zipfile.ZipFile(stream) as archive:
                yield archive, _entries(archive, file)
    except _DAMAGE as error:
        raise _refusal(file, f"it is damaged or was cut off ({error})") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's begin, where the list points to
            raise
        raise _refusal(file, "it is damaged or was cut off") from error


def _entries(archive: zipfile.ZipFile, file: Path) -> dict[str, zipfile.ZipInfo]:
    """What the archive lists, by name. Raises InvalidInput, or TooLarge, unless all could be a model's files."""
    found: dict[str, zipfile.ZipInfo] = {}
    lower: set[str] = set()  # some disks do not tell letters by their case
    for entry in archive.infolist():
        name = entry.orig_filename
        check_name(name)
        if name.lower() in lower:
            raise _refusal(file, f"it has {name!r} twice")
        lower.add(name.lower())
        if entry.flag_bits & _ENCRYPTED:
            raise _refusal(file, f"{name!r} is encrypted")
        if entry.compress_type not in _METHODS:
            raise _refusal(file, f"{name!r} is compressed by a method that Athanor does not use")
        if stat.S_IFMT(entry.external_attr >> 16) not in {0, stat.S_IFREG}:
            raise _refusal(file, f"{name!r} is a link or something else than a file")
        found[name] = entry
    folders = {str(folder) for name in found for folder in PurePosixPath(name).parents}
    if both := folders & set(found):
        raise _refusal(file, f"{min(both)!r} is a file and a folder")
    if HEAD not in found:
        raise _refusal(file, f"{HEAD} is missing")
    if found[HEAD].file_size > _MOST_HEAD:
        raise TooLarge(f"{file} holds a {HEAD} of {found[HEAD].file_size:,} bytes; {_MOST_HEAD:,} are allowed.")
    total = sum(entry.file_size for entry in found.values())
    if total > max(_SMALL, _MOST_TIMES * file.stat().st_size):
        raise TooLarge(
            f"{file} unpacks to {total:,} bytes, more than {_MOST_TIMES} times its size. It was not made by Athanor."
        )
    return found


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> str:
    """One file, and its SHA-256. The library gives no more bytes than the archive's list says, which were counted."""
    place = folder / entry.filename
    place.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with archive.open(entry) as source, place.open("xb") as target:
        while part := source.read(_CHUNK):
            digest.update(part)
            target.write(part)
    return digest.hexdigest()


def _check_complete(found: set[str], wanted: set[str], file: Path) -> None:
    if missing := wanted - found:
        raise _refusal(file, f"{min(missing)} is missing")
    if extra := found - wanted - set(BESIDE):
        raise _refusal(file, f"it holds {min(extra)}, which {HEAD} does not name")


def _check_length_of_list(stream: BinaryIO, file: Path) -> None:
    """Raises InvalidInput unless the archive ends as Athanor ends one, with a list of few enough files.

    Before it is listed: a file of some megabytes can name so many that the list alone takes gigabytes.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(-min(size, _END_BYTES + _LOCATOR_BYTES), os.SEEK_END)
    tail = stream.read()
    end = tail[-_END_BYTES:]
    if len(end) < _END_BYTES or not end.startswith(_END):
        raise _refusal(file, "it is no zip archive, or was cut off")
    n_files, list_bytes = struct.unpack_from("<HI", end, 10)
    # A list that starts behind 4 GiB has a longer record, too, which counts for the library.
    if tail.startswith(_LOCATOR):
        stream.seek(struct.unpack_from("<Q", tail, 8)[0])
        record = stream.read(56)
        n_files, list_bytes = struct.unpack_from("<QQ", record, 32)
    if n_files > _MOST_FILES or list_bytes > _MOST_FILES * 2000:
        raise _refusal(file, f"it lists {n_files:,} files; {_MOST_FILES:,} are allowed")


@contextmanager
def _named(file: Path, folder: Path) -> Iterator[None]:
    """What is wrong with the unpacked model is said of the archive, which people know."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(str(error).replace(str(folder), str(file))) from error


def _refusal(file: Path, why: str) -> InvalidInput:
    return InvalidInput(f"{file} is no model that Athanor exported: {why}.")
