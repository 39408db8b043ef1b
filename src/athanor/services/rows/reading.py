"""Reading segments that others may merge or replace meanwhile: they are looked up once more where that happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from athanor.core.dataset import Segment
from athanor.core.ports import BlobStore
from athanor.errors import AthanorError, Conflict, NotFound, Unavailable

T = TypeVar("T")

_TRIES = 10


class SegmentGone(Unavailable):
    """A segment that was looked up has lost its file: it was merged with others, or written anew."""


class Overtaken(Conflict):
    """Others changed the rows since they were looked up."""


def looking_again(attempt: Callable[[], T]) -> T:
    """What the attempt gives, which looks segments up and does something with them; tried again where others changed
    them in between.
    """
    for _ in range(_TRIES - 1):
        try:
            return attempt()
        except (SegmentGone, Overtaken):
            continue
    return attempt()


@contextmanager
def reading(segments: Iterable[Segment], blobs: BlobStore) -> Iterator[None]:
    """Raises SegmentGone in place of an error of the block where a file of the segments is gone; any other as it is."""
    try:
        yield
    except (AthanorError, OSError) as error:
        if _are_there(segments, blobs):
            raise
        message = "Others keep changing the rows of the dataset: files went while they were read. Ask again."
        raise SegmentGone(message) from error


def _are_there(segments: Iterable[Segment], blobs: BlobStore) -> bool:
    try:
        for segment in segments:
            for key in (segment.blob, segment.ids_blob):
                if key is not None:
                    blobs.local(key)
    except (NotFound, FileNotFoundError):
        return False
    return True
