"""The file of a training: read as far as its question needs it, a large one by way of segments on the disk."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from athanor.errors import Impossible
from athanor.quantities import spell_duration, spell_size

if TYPE_CHECKING:
    from athanor.cli.question import Question
    from athanor.engine.readers import ReaderOptions, Table
    from athanor.engine.readers.segmenting import Written
    from athanor.engine.tables.dataset import Dataset
    from athanor.engine.task import Task

LARGE = 200 * 10**6  # bytes of a file that is not read in one go
SEGMENTS, ROWS = "segments", "rows"  # below the folder of a training
SMALL = 4 * 10**6  # bytes of a file that can be read in any memory
QUICK = 20 * 10**6  # and of one that is read in less time than a process of its own takes to begin
_INFLATED, _PARQUET = 8, 4  # about how much larger a compressed file is inside, and a Parquet file
_TAKEN = 5  # bytes of memory that reading a byte of text takes, at the most,
_BESIDE = 320 * 10**6  # beside those of the processes and libraries, and of what is taken apart at a time
_PER_S = 10 * 10**6  # bytes that are read in a second, at the least
_LEAST_ROOM = 100 * 10**6  # bytes in which a process can begin to read
_SMALL_SHARE = 0.05  # of the limit: a table that takes no more may be in memory
_GUARDED = 0.9  # of the room for reading: where more is seen, it ends

Say = Callable[[str], None]


def read_file(
    file: Path,
    options: ReaderOptions,
    question: Question,
    *,
    memory_limit: int,
    rows_for: int,
    seed: int,
    folder: Path,
    say: Say,
    until: float = math.inf,
) -> tuple[Task, Dataset]:
    """The task that `question` is of this file, and the columns and rows for it.

    memory_limit  bytes that the whole run may use now
    rows_for      bytes that it might use when its rows were drawn; where they had no room for all, some are, by `seed`
    folder        of the training: the segments of a large file, gone afterwards, and the rows that are mapped
    until         a point of the monotonic clock, at which reading a large file ends without a result

    Raises Impossible where the memory or the time is not enough.
    """
    size = file.stat().st_size * _inflation(file)
    by_memory = (min(memory_limit, rows_for) - _BESIDE) / _TAKEN
    by_time = _PER_S * (until - time.monotonic())
    if size > min(max(by_memory, SMALL), max(by_time, QUICK), LARGE):
        return _read_large(
            file,
            options,
            question,
            memory_limit=memory_limit,
            rows_for=rows_for,
            seed=seed,
            folder=folder,
            say=say,
            until=until,
        )
    from athanor.engine.fitting.training_set import used_columns
    from athanor.engine.readers import read
    from athanor.engine.tables.frames import to_dataset

    table = read(file, options=options)
    _tell(file, table, table.frame.height, say)
    task = question.task(table.schema)
    return task, to_dataset(table.frame, table.schema.select(used_columns(table.schema, task)))


def _inflation(file: Path) -> int:
    from athanor.engine.readers.containers import container_kind

    if container_kind(file) is not None:
        return _INFLATED
    return _PARQUET if file.suffix.lower() == ".parquet" else 1


def _read_large(
    file: Path,
    options: ReaderOptions,
    question: Question,
    *,
    memory_limit: int,
    rows_for: int,
    seed: int,
    folder: Path,
    say: Say,
    until: float,
) -> tuple[Task, Dataset]:
    from athanor.engine.fitting.training_table import read_for
    from athanor.engine.tables.segments import row_bytes

    segments, rows = folder / SEGMENTS, folder / ROWS
    segments.mkdir()
    written = _segments(file, segments, options, memory_limit=memory_limit, rows_for=rows_for, until=until)
    _tell(file, written, written.n_rows, say)
    task = question.task(written.schema)
    paths = [segment.path for segment in written.segments]
    # A small table is not worth files, of which there is one a column.
    is_small = written.n_rows * sum(map(row_bytes, written.schema.columns)) <= rows_for * _SMALL_SHARE
    dataset, shortened = read_for(
        task, paths, written.schema, memory_limit=rows_for, seed=seed, folder=None if is_small else rows
    )
    shutil.rmtree(segments)
    if shortened is not None:
        say(f"Note: {shortened}")
    return task, dataset


def _segments(
    file: Path, folder: Path, options: ReaderOptions, *, memory_limit: int, rows_for: int, until: float
) -> Written:
    """The file as segments, made in a process of its own, with which goes what reading leaves in memory."""
    from athanor.engine import memory
    from athanor.engine.readers.apart import OutOfMemory, OutOfTime, Reading, read_apart

    # What is drawn from the segments depends on how they are cut: by what does not change when the training goes on.
    reading = Reading(
        path=file,
        folder=folder,
        filename=file.name,
        options=options,
        is_profiled=False,
        room=max(rows_for - _BESIDE, _LEAST_ROOM),
    )
    # Beside this process, which waits, and its pool's, and below the cap: memory is looked at now and then only.
    room = int(_GUARDED * (memory_limit - sum(map(memory.pss, (os.getpid(), *memory.descendants(os.getpid()))))))
    begun = time.monotonic()
    is_parquet = file.suffix.lower() == ".parquet"
    try:
        return read_apart(reading, memory_limit=max(room, 0), until=until).written
    except OutOfMemory as error:
        raise Impossible(
            f"Reading {file} needs more than the cap of {spell_size(memory_limit)}; raise --memory, or give fewer rows "
            f"or columns{'' if is_parquet else ', as Parquet, which takes least'}."
        ) from error
    except OutOfTime as error:
        raise Impossible(
            f"The time limit ended while {file} was read: the {spell_duration(time.monotonic() - begun)} left for it "
            f"were not enough; give more --time{'' if is_parquet else ', or Parquet, which is read fastest'}."
        ) from error


def _tell(file: Path, found: Table | Written, n_rows: int, say: Say) -> None:
    say(f"Read {file}: {n_rows:,} rows, {len(found.schema.columns)} columns ({found.format}).")
    for warning in found.warnings:
        say(f"Note: {warning}")
