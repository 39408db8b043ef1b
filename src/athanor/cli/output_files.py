"""Files that a command writes: checked before the work begins, and whole or not there at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from athanor.engine.readers import Reject


def check_output(out: Path, file: Path, *, option: str) -> None:
    """Raise what speaks against writing to `out`, where the rows are read from `file`."""
    if not out.parent.is_dir():
        raise NotFound(f"There is no folder {out.parent} for --{option}. Make it first, or name another place.")
    if out.is_dir():
        raise InvalidInput(f"{out} is a folder. Give --{option} a file.", field=option)
    if out.exists() and out.samefile(file):
        raise InvalidInput(
            f"--{option} {out} is the file with the rows, which would be lost. Give --{option} another name.",
            field=option,
        )


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """Another path to write to, so that a file under `out` is always whole: it gets its name after the block."""
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(out)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(out)) from error  # the name that people know
    finally:
        with suppress(OSError):
            unfinished.unlink()


def write_rejects_file(out: Path, rejects: Iterable[Reject]) -> None:
    """The rows that could not be read, as CSV."""
    from athanor.engine.readers.rejects import write_rejects

    with (
        whole_file(out) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8", errors="replace") as stream,
    ):
        write_rejects(stream, rejects)
