"""The file of a training: read as far as its question needs it, a large one by way of segments on the disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from athanor.cli.question import Question
    from athanor.engine.dataset import Dataset
    from athanor.engine.readers import ReaderOptions, Table
    from athanor.engine.segments import Written
    from athanor.engine.task import Task

LARGE = 200 * 10**6  # bytes of a file that is not read in one go
_INFLATED, _PARQUET = 8, 4  # about how much larger a compressed file is inside, and a Parquet file

Say = Callable[[str], None]


def read_file(
    file: Path, options: ReaderOptions, question: Question, *, memory_limit: int, seed: int, folder: Path, say: Say
) -> tuple[Task, Dataset]:
    """The task that `question` is of this file, and the columns and rows for it.

    memory_limit  bytes that the whole run may use; where it has no room for all rows, some are drawn by `seed`
    folder        a new one for the segments of a large file, gone afterwards
    """
    if file.stat().st_size * _inflation(file) > LARGE:
        return _read_large(file, options, question, memory_limit=memory_limit, seed=seed, folder=folder, say=say)
    from athanor.engine.frames import to_dataset
    from athanor.engine.readers import read
    from athanor.engine.training_set import used_columns

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
    file: Path, options: ReaderOptions, question: Question, *, memory_limit: int, seed: int, folder: Path, say: Say
) -> tuple[Task, Dataset]:
    from athanor.engine.reading_apart import Reading, read_apart
    from athanor.engine.training_table import read_for

    folder.mkdir()
    # In a process of its own, with which goes what reading leaves in memory.
    reading = Reading(path=file, folder=folder, filename=file.name, options=options)
    written = read_apart(reading, memory_limit=memory_limit).written
    _tell(file, written, written.n_rows, say)
    task = question.task(written.schema)
    paths = [segment.path for segment in written.segments]
    dataset, shortened = read_for(task, paths, written.schema, memory_limit=memory_limit, seed=seed)
    shutil.rmtree(folder)
    if shortened is not None:
        say(f"Note: {shortened}")
    return task, dataset


def _tell(file: Path, found: Table | Written, n_rows: int, say: Say) -> None:
    say(f"Read {file}: {n_rows:,} rows, {len(found.schema.columns)} columns ({found.format}).")
    for warning in found.warnings:
        say(f"Note: {warning}")
