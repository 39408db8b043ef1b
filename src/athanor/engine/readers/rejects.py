"""The rows of a file that could not be read, as a CSV file for its owner."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import TextIO

from athanor.engine.readers import Reject

REJECTS_HEADER = "line,reason,text\r\n"


def write_rejects(stream: TextIO, rejects: Iterable[Reject]) -> None:
    """`stream` translates no newlines."""
    stream.write(REJECTS_HEADER)
    csv.writer(stream).writerows((reject.line, reject.reason, reject.text) for reject in rejects)
