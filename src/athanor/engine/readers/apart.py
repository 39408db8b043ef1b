"""A file made into segments in a process of its own: what one file costs or breaks stays there.

The order comes as JSON on standard input; what was read, or the error, is left as JSON in the folder of the segments.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.engine import memory
from athanor.engine.parent import die_with_parent
from athanor.engine.readers import ReaderOptions, Reject
from athanor.engine.tables.schema import Schema
from athanor.errors import AthanorError, Conflict, Impossible, InvalidInput, NotSupported, TooLarge, Unavailable

if TYPE_CHECKING:
    from athanor.engine.readers.segmenting import Written

LOOK_S = 0.1  # the memory of the process is looked at 10 times a second
SAMPLE_ROWS = 20_000
SEED = 0
# What stands in memory at a time, as parts of the room: a block, of which there are some twenty times as much while it
# is taken apart, a segment that is gathered and written, and a table that is asked what its columns mean.
_BLOCK_SHARE, _SEGMENT_SHARE, _HELD_SHARE = 64, 16, 8
_LEAST_BYTES = 2**20
_WRITTEN, _ERROR = "written.json", "error.json"
_ERRORS: Mapping[str, type[AthanorError]] = {
    kind.__name__: kind for kind in (Impossible, TooLarge, NotSupported, Conflict, Unavailable)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is to be read: as `write_segments` takes it."""

    path: Path
    folder: Path  # of the segments, empty
    filename: str
    options: ReaderOptions
    schema: Schema | None = None
    is_profiled: bool = True  # whether a sample of it is looked at
    room: int | None = None  # bytes of memory that reading it may take, about; None: there is plenty


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read, and what is known of a sample of it."""

    written: Written
    sample_profile: Mapping[str, Any]


def read_here(reading: Reading) -> Read:
    """Read the file in this process. Raises what `write_segments` raises, Unavailable where the disk fails."""
    from athanor.engine.profiling.profile import profile
    from athanor.engine.readers.segmenting import write_segments
    from athanor.engine.readers.typed import BLOCK_BYTES
    from athanor.engine.tables.facts import HELD_BYTES
    from athanor.engine.tables.segments import LARGEST_BYTES, scan_segments

    options, sizes = reading.options, {}
    if reading.room is not None:
        options = replace(options, block_bytes=_share(reading.room, _BLOCK_SHARE, BLOCK_BYTES))
        sizes = {
            "largest_bytes": _share(reading.room, _SEGMENT_SHARE, LARGEST_BYTES),
            "held_bytes": _share(reading.room, _HELD_SHARE, HELD_BYTES),
        }
    try:
        written = write_segments(
            reading.path, reading.folder, filename=reading.filename, options=options, schema=reading.schema, **sizes
        )
    except OSError as error:
        raise Unavailable(f"The file cannot be read now: {error.strerror or error} (disk full?).") from error
    if not reading.is_profiled:
        return Read(written=written, sample_profile={})
    frame = scan_segments([segment.path for segment in written.segments], written.schema)
    sample = profile(frame, written.schema, sample_rows=SAMPLE_ROWS, seed=SEED)
    return Read(written=written, sample_profile=sample.to_json())


def _share(room: int, part: int, most: int) -> int:
    return min(max(room // part, _LEAST_BYTES), most)


class OutOfMemory(TooLarge):
    """Reading took more memory than it may."""


class OutOfTime(Impossible):
    """Reading took more time than it may."""


def read_apart(
    reading: Reading, *, memory_limit: int, until: float = math.inf, clock: Callable[[], float] = time.monotonic
) -> Read:
    """Read the file in a process of its own, which is ended when it uses more than `memory_limit` bytes.

    It is ended, too, at the point `until` of the clock. Raises what reading raises; OutOfMemory and OutOfTime beyond
    the limits; InvalidInput where the process breaks. The folder is the caller's to empty.
    """
    order = {
        "parent": os.getpid(),
        "path": str(reading.path.absolute()),
        "folder": str(reading.folder.absolute()),
        "filename": reading.filename,
        "options": asdict(reading.options),
        "schema": None if reading.schema is None else reading.schema.to_json(),
        "is_profiled": reading.is_profiled,
        "room": reading.room,
    }
    process = _started(json.dumps(order).encode(), reading.folder)
    try:
        peak = _watch(process, memory_limit, until, clock)
        is_late = process.poll() is None and clock() >= until
    finally:
        process.kill()  # nothing happens where it has ended
        process.wait()
    if peak > memory_limit:
        raise OutOfMemory(
            f"Reading the file took more than {memory_limit / 1e9:.1f} GB of memory, which is what a file may take. "
            "Send it in parts, one appended to the other, as Parquet, which takes least, or ask for a higher limit."
        )
    if is_late:
        raise OutOfTime("The time ended while the file was read. Give it more, or write the file as Parquet.")
    if process.returncode == 0:
        return _from_json(json.loads((reading.folder / _WRITTEN).read_text()), reading.folder)
    if (reading.folder / _ERROR).exists():
        raise _error(json.loads((reading.folder / _ERROR).read_text()))
    how = signal.Signals(-process.returncode).name if process.returncode < 0 else f"status {process.returncode}"
    raise InvalidInput(
        f"The file could not be read: the process that read it broke ({how}). It may be damaged; "
        "write it again, or send it as CSV or Parquet."
    )


def _started(order: bytes, folder: Path) -> subprocess.Popen[bytes]:
    """The process with its order: in a file, since a pipe holds but 64 KB before somebody reads it."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(order)
            file.seek(0)
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "athanor.engine.readers.apart"], stdin=file, start_new_session=True
            )
    except OSError as error:
        raise Unavailable(f"The file cannot be read now: {error.strerror or error} (disk full?).") from error


def _watch(process: subprocess.Popen[bytes], memory_limit: int, until: float, clock: Callable[[], float]) -> int:
    """Wait until the process ends, or uses more than it may, or its time has; the most bytes that were seen."""
    peak = 0
    while peak <= memory_limit and (left_s := until - clock()) > 0:
        try:
            process.wait(min(LOOK_S, left_s))
            break
        except subprocess.TimeoutExpired:
            peak = max(peak, memory.pss(process.pid))
    return peak


def _to_json(read: Read) -> dict[str, Any]:
    written = read.written
    return {
        "schema": written.schema.to_json(),
        "format": written.format,
        "warnings": written.warnings,
        "segments": [[file.path.name, file.n_rows, file.size_bytes] for file in written.segments],
        "rejects": [[reject.line, reject.reason, reject.text] for reject in written.rejects],
        "n_rejected": written.n_rejected,
        "n_rows": written.n_rows,
        "sample_profile": read.sample_profile,
    }


def _from_json(given: dict[str, Any], folder: Path) -> Read:
    from athanor.engine.readers.segmenting import Written
    from athanor.engine.tables.segments import SegmentFile

    written = Written(
        schema=Schema.from_json(given["schema"]),
        format=given["format"],
        warnings=tuple(given["warnings"]),
        segments=tuple(
            SegmentFile(path=folder / name, n_rows=n_rows, size_bytes=size) for name, n_rows, size in given["segments"]
        ),
        rejects=tuple(Reject(line=line, reason=reason, text=text) for line, reason, text in given["rejects"]),
        n_rejected=given["n_rejected"],
        n_rows=given["n_rows"],
    )
    return Read(written=written, sample_profile=given["sample_profile"])


def _error(given: dict[str, Any]) -> AthanorError:
    kind = _ERRORS.get(given["kind"])
    if kind is None:
        return InvalidInput(given["message"], field=given["field"], code=given["code"])
    return kind(given["message"], code=given["code"])


def _be_child() -> None:
    order = json.load(sys.stdin)
    die_with_parent(order["parent"])
    folder = Path(order["folder"])
    tempfile.tempdir = str(folder)  # what an archive holds goes with the folder, however this process ends
    reading = Reading(
        path=Path(order["path"]),
        folder=folder,
        filename=order["filename"],
        options=ReaderOptions(**order["options"]),
        schema=None if order["schema"] is None else Schema.from_json(order["schema"]),
        is_profiled=order["is_profiled"],
        room=order["room"],
    )
    try:
        (folder / _WRITTEN).write_text(json.dumps(_to_json(read_here(reading))))
    except AthanorError as error:
        said = {"kind": type(error).__name__, "message": str(error), "code": error.code}
        (folder / _ERROR).write_text(json.dumps(said | {"field": getattr(error, "field", None)}))
        sys.exit(1)


if __name__ == "__main__":
    _be_child()
