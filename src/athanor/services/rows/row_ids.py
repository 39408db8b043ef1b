"""Row ids: every live row of a dataset has one of its own. A sorted file of hashes a segment makes that quick to check.

The hash is 64 bits of BLAKE2b of the id's text. A hash that is found proves nothing: the ids themselves decide.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from athanor.core.dataset import Segment, SegmentKind
from athanor.core.ports import BlobStore
from athanor.engine.tables.schema import Schema, Storage
from athanor.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    import polars as pl

Hashes = NDArray[np.uint64]
_NAMING = frozenset({Storage.INTEGER, Storage.STRING})


def check_id_column(name: str, schema: Schema) -> None:
    """Raises InvalidInput unless the cells of the column can name rows."""
    storage = schema.column(name, field="id_column").storage
    if storage not in _NAMING:
        raise InvalidInput(
            f"Column {name!r} holds {storage.value} values and cannot name rows. Row ids are texts or whole numbers.",
            field="id_column",
        )


def hashes_of(texts: Iterable[str]) -> Hashes:
    """(n,) one 64-bit hash a text, in the texts' order."""
    return np.frombuffer(b"".join(blake2b(text.encode(), digest_size=8).digest() for text in texts), "<u8")


def ids_in(path: Path, id_column: str, *, first_row: int = 1) -> pl.Series:
    """The ids of a segment's rows as texts. Raises InvalidInput for a row without one, counted from `first_row`."""
    from athanor.engine.tables.segments import ids_of

    ids = ids_of(path, id_column)
    if ids.null_count():
        row = ids.is_null().arg_true()[0] + first_row
        raise InvalidInput(f"Row {row} has no id in column {id_column!r}. Every row needs one.", field=id_column)
    return ids


def joined(hashes: Sequence[Hashes]) -> Hashes:
    return np.concatenate([np.empty(0, np.uint64), *hashes])


def as_file(hashes: Hashes) -> BinaryIO:
    """The content of a segment's file of hashes: sorted, so that the file can be mapped and searched."""
    file = io.BytesIO()
    np.save(file, np.sort(hashes), allow_pickle=False)
    file.seek(0)
    return file


def check_distinct(ids: Sequence[str], hashes: Hashes, id_column: str) -> None:
    """Raises InvalidInput where two rows of what came together have the same id."""
    together = np.sort(hashes)
    twice = np.unique(together[1:][together[1:] == together[:-1]])
    seen: set[str] = set()
    for place in np.flatnonzero(np.isin(hashes, twice)).tolist() if len(twice) else ():
        if ids[place] in seen:
            raise InvalidInput(
                f"Row {place + 1} has the id {ids[place][:60]!r} in column {id_column!r}, as a row before it has. "
                "Every row needs an id of its own.",
                field=id_column,
            )
        seen.add(ids[place])


def live_ids(
    ids: Sequence[str], hashes: Hashes, segments: Sequence[Segment], blobs: BlobStore, column: str
) -> set[str]:
    """Those of `ids` that live rows of the segments have: ones that no tombstone behind takes away."""
    order = np.argsort(hashes)
    wanted = hashes[order]
    live: set[str] = set()
    for segment in segments:
        hits = order[_found(wanted, hashes_in(segment, blobs))]
        if not len(hits):
            continue
        found = {ids[place] for place in hits.tolist()} & set(ids_in(blobs.local(segment.blob), column))
        live = live - found if segment.kind is SegmentKind.TOMBSTONES else live | found
    return live


def check_free(ids: Sequence[str], hashes: Hashes, segments: Sequence[Segment], blobs: BlobStore, column: str) -> None:
    """Raises Conflict where a live row has one of the ids already."""
    taken = live_ids(ids, hashes, segments, blobs, column)
    if taken:
        row = next(row for row, id_ in enumerate(ids, start=1) if id_ in taken)
        more = f", and {len(taken) - 1} more of the ids that came are too" if len(taken) > 1 else ""
        raise Conflict(
            f"Row {row}: the id {ids[row - 1][:60]!r} (column {column!r}) is taken by a row of the dataset{more}. "
            "Leave these rows out, or delete the old ones first.",
            code="row-id-taken",
        )


def may_have(segment: Segment, hashes: Hashes, blobs: BlobStore) -> bool:
    """Whether the segment has one of the hashes, which are sorted: where not, it has none of their ids."""
    return bool(_found(hashes, hashes_in(segment, blobs)).any())


def may_share(segment: Segment, other: Segment, blobs: BlobStore) -> bool:
    """Whether the two have a hash in common: where not, they have no id in common."""
    fewer, more = sorted((hashes_in(segment, blobs), hashes_in(other, blobs)), key=len)
    return bool(_found(fewer, more).any())


def _found(wanted: Hashes, present: Hashes) -> NDArray[np.bool_]:
    """Which of `wanted` are in `present`. Both are sorted."""
    if not len(present):
        return np.zeros(len(wanted), np.bool_)
    places = np.minimum(np.searchsorted(present, wanted), len(present) - 1)
    return np.equal(present[places], wanted)


def hashes_in(segment: Segment, blobs: BlobStore) -> Hashes:
    """Sorted; of rows that are there, and maybe of some that were deleted before segments were merged."""
    if segment.ids_blob is None:
        return np.empty(0, np.uint64)
    return np.load(blobs.local(segment.ids_blob), mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
