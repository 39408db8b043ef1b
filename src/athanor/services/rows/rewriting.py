"""Rewriting: some segments of a dataset, or all, are written anew with other cells; every row keeps its place."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from athanor.core.dataset import DatasetVersion, Segment, StoredDataset
from athanor.core.ids import new_id
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.engine.tables.schema import Schema
from athanor.services.references import clear_blobs, unreferred
from athanor.services.rows import row_ids
from athanor.services.rows.arrivals import Arrivals
from athanor.services.rows.contents import Content, Part, content
from athanor.services.rows.keeping import Keeping
from athanor.services.rows.reading import Overtaken, reading
from athanor.services.versions import DatasetView, frozen_end, move_on, newest_version, segments_of

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

# Of a large segment that is written anew; larger than those that are merged again.
_PIECE_ROWS, _PIECE_BYTES = 100_000, 16 * 2**20
# A segment is in memory while it is written anew; more than two at a time wait, whoever changes them.
_REWRITING = threading.BoundedSemaphore(2)
# Of those who change a dataset in this process one is at work: they would only overtake each other.
_TURNS: WeakValueDictionary[UUID, threading.RLock] = WeakValueDictionary()
_LOOKING = threading.Lock()
Change = Callable[[Part], "pl.DataFrame | None"]  # the rows of a segment as they are from now on; None: as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """What becomes of segments; those that are named nowhere stay as they are.

    successors  id of a segment → those in its place, whose blobs are there
    gone        ids of segments that have nothing to say any more
    """

    successors: Mapping[UUID, Sequence[Segment]]
    gone: frozenset[UUID]

    def of(self, segments: Sequence[Segment]) -> list[Segment]:
        """What comes of consecutive segments. Raises Overtaken where one that was rewritten is not among them."""
        if not (self.successors.keys() | self.gone) <= {segment.id for segment in segments}:
            raise _overtaken()
        left = [segment for segment in segments if segment.id not in self.gone]
        return [successor for segment in left for successor in self.successors.get(segment.id, (segment,))]


class Rewriting:
    """Writes rows anew, all that are asked for or none."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals

    def rewrite(
        self,
        view: DatasetView,
        segments: Sequence[Segment],
        change: Change,
        schema: Schema,
        *,
        hashes: row_ids.Hashes | None = None,
        also: Callable[[Transaction, StoredDataset], T],
    ) -> T:
        """Make the changed rows the dataset's next state, in the places where they are; what `also` gives.

        view, segments  the dataset as it was when it was looked at
        schema          of its next state
        hashes          of the ids, sorted, that the change is about: others may come and go meanwhile. None: of all
        also            what else the transaction does
        Raises SegmentGone or Overtaken where others changed the rows meanwhile, for `looking_again`.
        """
        whose, now = view.dataset.organization_id, self._now()
        with self._arrivals.folder() as folder, Keeping(self._records, self._blobs, whose) as keeping:
            with _REWRITING, reading(segments, self._blobs):
                held = content(segments, view.dataset.id_column)
                done = rewritten(held, change, blobs=self._blobs, keeping=keeping, folder=folder, now=now)
            with self._records.change(whose) as transaction:
                dataset = transaction.datasets.get(view.dataset.id, lock=True)
                newest = newest_version(transaction, dataset.id)
                present = segments_of(transaction, newest)
                if newest.schema != view.version.schema or self._is_other(present, segments, hashes):
                    raise _overtaken()
                unused = put_in_place(transaction, newest, done.of(present), schema, now=now)
                result = also(transaction, dataset)
        clear_blobs(unused, self._blobs)
        return result

    def _is_other(self, present: Sequence[Segment], found: Sequence[Segment], hashes: row_ids.Hashes | None) -> bool:
        """Whether rows that the change is about may have come or gone."""
        if hashes is None:
            return present != found
        seen = {segment.id for segment in found}
        return any(row_ids.may_have(segment, hashes, self._blobs) for segment in present if segment.id not in seen)


@contextmanager
def turn(dataset_id: UUID) -> Iterator[None]:
    """While the block runs, nobody else in this process has the turn to write rows of the dataset anew."""
    with _LOOKING:
        lock = _TURNS.setdefault(dataset_id, threading.RLock())
    with lock:
        yield


def rewritten(
    held: Content, change: Change, *, blobs: BlobStore, keeping: Keeping, folder: Path, now: datetime
) -> Rewritten:
    """The changed segments written anew, one after the other; their rows keep their order and their ids.

    Rows that were deleted from them are gone afterwards, and tombstones where no other segment needs them.
    """
    successors, gone = {}, {segment.id for later in held.tombstones.values() for segment in later}
    for place, part in enumerate(held.parts(blobs)):
        frame, old = change(part), part.segment
        if frame is None:
            gone -= {segment.id for segment in held.tombstones.get(place, ())}
        elif not frame.height:
            gone.add(old.id)
        else:
            # As after merging: the bytes that it came of are known where all of their rows are there.
            sources = () if part.deleted is not None else (old.source_sha256, *old.merged_sha256)
            known = tuple(dict.fromkeys(sha256 for sha256 in sources if sha256))
            made = [
                keeping.segment(
                    old.dataset_id,
                    piece,
                    folder,
                    hashes=_hashes(piece, held.id_column) if piece.height < frame.height else None,
                    now=now,
                    merged_sha256=known,
                )
                for piece in _pieces(frame)
            ]
            if len(made) == 1:
                made = [replace(made[0], ids_blob=old.ids_blob)]
            made[0] = replace(made[0], rejects_blob=old.rejects_blob, n_rejected=old.n_rejected)
            successors[old.id] = made
    return Rewritten(successors=successors, gone=frozenset(gone))


def _pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows in their order; many of them in pieces of about one size, so that the next change rewrites fewer."""
    most = max(min(_PIECE_ROWS, int(_PIECE_BYTES * frame.height / max(frame.estimated_size(), 1))), 1)
    return frame.iter_slices(math.ceil(frame.height / max(frame.height // most, 1)))


def _hashes(frame: pl.DataFrame, id_column: str | None) -> row_ids.Hashes | None:
    import polars as pl

    return None if id_column is None else row_ids.hashes_of(frame.get_column(id_column).cast(pl.String).to_list())


def put_in_place(
    transaction: Transaction, newest: DatasetVersion, segments: Sequence[Segment], schema: Schema, *, now: datetime
) -> list[str]:
    """Make the segments the content of the dataset's next state; the blobs that nothing refers to any more.

    They are exchanged where they stand. Where a version that somebody relies on has one of those that change, it keeps
    its own, and the content begins anew behind it: what did not change is recorded twice then, over the same blobs. In
    a transaction that has the dataset's lock.
    """
    present = segments_of(transaction, newest)
    n_same = next(
        (place for place, pair in enumerate(zip(present, segments, strict=False)) if pair[0] != pair[1]),
        min(len(present), len(segments)),
    )
    fixed = frozen_end(transaction, newest)
    first = newest.first_segment
    if first + n_same < fixed:
        first, n_same = fixed, 0
    old = [segment for segment in present if segment.position >= first + n_same]
    for segment in old:
        transaction.segments.remove(segment.id)
    staying = {segment.id for segment in present} - {segment.id for segment in old}
    for place, segment in enumerate(segments[n_same:], start=first + n_same):
        own_id = new_id() if segment.id in staying else segment.id
        transaction.segments.add(replace(segment, id=own_id, position=place))
    move_on(transaction, newest, now=now, first_segment=first, n_segments=len(segments), schema=schema)
    return unreferred(transaction, old)


def _overtaken() -> Overtaken:
    return Overtaken("Others keep changing the rows of the dataset. Ask again when they are through.")
