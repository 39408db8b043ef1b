"""Rows by their ids: those that are there, read from the segments that have them and from no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from athanor.core.dataset import Segment
from athanor.core.ports import BlobStore
from athanor.engine.tables.schema import Schema
from athanor.errors import NotFound
from athanor.services.rows import row_ids
from athanor.services.rows.contents import content

if TYPE_CHECKING:
    import polars as pl


def rows_named(
    ids: Sequence[str], segments: Sequence[Segment], blobs: BlobStore, schema: Schema, id_column: str
) -> pl.DataFrame:
    """The live rows of these ids, in no order; ids that are not there are left out."""
    import polars as pl

    from athanor.engine.tables.facts import by_name
    from athanor.engine.tables.frames import frame_type
    from athanor.engine.tables.segments import scan_segments

    hashes = np.sort(row_ids.hashes_of(ids))
    hitting = [segment for segment in segments if row_ids.may_have(segment, hashes, blobs)]
    paths, without = content(hitting, id_column).files(blobs)
    if not paths:
        return pl.DataFrame(schema={column.name: frame_type(column) for column in schema.columns})
    is_wanted = by_name([id_column]).cast(pl.String).is_in(pl.Series(ids, dtype=pl.String).implode())
    return scan_segments(paths, schema, without=without).filter(is_wanted).collect()


def in_order(frame: pl.DataFrame, ids: Sequence[str], id_column: str) -> pl.DataFrame:
    """The rows as their ids were asked for. Raises NotFound naming the first that is not there."""
    import polars as pl

    places = {id_: place for place, id_ in enumerate(frame.get_column(id_column).cast(pl.String).to_list())}
    missing = [id_ for id_ in ids if id_ not in places]
    if missing:
        more = f", nor {len(missing) - 1} more of those that were named" if len(missing) > 1 else ""
        raise NotFound(f"No row has the id {missing[0][:60]!r}{more}.")
    return frame[[places[id_] for id_ in ids]]
