"""Growing: rows that arrived are recorded behind those that a dataset has; ids are checked, columns judged anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from athanor.core.actor import Actor
from athanor.core.audit import audited
from athanor.core.dataset import DatasetVersion, Segment
from athanor.core.ports import BlobStore, Records, Transaction
from athanor.engine.tables.schema import Schema
from athanor.errors import AthanorError, Conflict
from athanor.services.rows import compaction, row_ids
from athanor.services.rows.appending import came_already, is_time_to_judge, judged, meaning, needed, together, widened
from athanor.services.rows.arrivals import Arrival, Arrivals
from athanor.services.rows.contents import content
from athanor.services.rows.reading import SegmentGone, looking_again, reading
from athanor.services.versions import DatasetView, move_on, newest_version, newest_view, segments_of

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

_MOST_WARNINGS = 100  # of a version that grows by appending


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Rows that are about to be recorded.

    view     the dataset as it was when they came
    checked  ids of its segments that have none of their ids
    schema   of the dataset with them
    """

    view: DatasetView
    arrival: Arrival
    checked: frozenset[UUID]
    schema: Schema


class Growing:
    """Records what arrives behind rows that are there. While a transaction has a dataset's lock, nothing is merged."""

    def __init__(self, records: Records, blobs: BlobStore, now: Callable[[], datetime], arrivals: Arrivals) -> None:
        self._records = records
        self._blobs = blobs
        self._now = now
        self._arrivals = arrivals

    def present(self, actor: Actor, dataset_id: UUID) -> tuple[DatasetView, Sequence[Segment]]:
        """The dataset with its newest version, and the segments of that."""
        with self._records.look(actor.organization_id) as transaction:
            view = newest_view(transaction, transaction.datasets.get(dataset_id))
            return view, segments_of(transaction, view.version)

    def live(self, ids: Sequence[str], segments: Sequence[Segment], id_column: str) -> set[str]:
        """Those of `ids` that rows of the segments have. Raises SegmentGone where they were merged meanwhile."""
        with reading(segments, self._blobs):
            return row_ids.live_ids(ids, row_ids.hashes_of(ids), segments, self._blobs, id_column)

    def live_now(self, actor: Actor, dataset_id: UUID, ids: Sequence[str]) -> set[str]:
        """Those of `ids` that rows have at this moment. None, where rows have no ids."""

        def look() -> set[str]:
            view, segments = self.present(actor, dataset_id)
            id_column = view.dataset.id_column
            return set() if id_column is None else self.live(ids, segments, id_column)

        return looking_again(look)

    def coming(self, view: DatasetView, segments: Sequence[Segment], arrival: Arrival) -> Coming:
        """What arrived, looked at beside the dataset as it was when it came. Raises Conflict (`row-id-taken`)."""
        checked = self._checked(arrival, segments, view.dataset.id_column)
        return Coming(view=view, arrival=arrival, checked=checked, schema=self._judged(view, segments, arrival))

    def grow(self, actor: Actor, view: DatasetView, segments: Sequence[Segment], arrival: Arrival) -> DatasetView:
        """The dataset with what arrived behind its own rows; bytes that were appended before give it as it is.

        view, segments  the dataset as it was when the rows came
        Raises what `append_in` raises.
        """
        coming = self.coming(view, segments, arrival)
        with self._records.change(actor.organization_id) as transaction:
            dataset = transaction.datasets.get(view.dataset.id, lock=True)
            newest = newest_version(transaction, dataset.id)
            if arrival.source_sha256 and came_already(segments_of(transaction, newest), arrival.source_sha256):
                return DatasetView(dataset=dataset, version=newest)
            grown = self.append_in(transaction, actor, coming)
        self.compact(grown.version)
        return grown

    def append_in(self, transaction: Transaction, actor: Actor, coming: Coming) -> DatasetView:
        """Record the rows behind those of the dataset. Ids are checked again for what came since.

        Columns that the dataset lacks become its own, missing in the rows before. Raises Conflict (`row-id-taken`).
        """
        arrival, schema, now = coming.arrival, coming.schema, self._now()
        dataset = transaction.datasets.get(coming.view.dataset.id, lock=True)
        newest = newest_version(transaction, dataset.id)
        if newest.first_segment != coming.view.version.first_segment:
            raise Conflict("The dataset got another content while the rows came. Look at it, and append again.")
        if dataset.id_column is not None:
            present = segments_of(transaction, newest)
            fresh = [segment for segment in present if segment.id not in coming.checked]
            row_ids.check_free(arrival.ids, arrival.hashes, fresh, self._blobs, dataset.id_column)
        arrival.record(transaction, dataset.id, position=newest.end, actor=actor, now=now)
        version = move_on(
            transaction,
            newest,
            now=now,
            n_segments=newest.n_segments + len(arrival.kept),
            n_rows=newest.n_rows + arrival.n_rows,
            schema=meaning(widened(together(newest.schema, schema), schema), schema),
            n_rejected=newest.n_rejected + arrival.n_rejected,
            warnings=tuple(dict.fromkeys((*newest.warnings, *arrival.warnings)))[-_MOST_WARNINGS:],
        )
        dataset = replace(dataset, size_bytes=dataset.size_bytes + arrival.size_bytes)
        transaction.datasets.put(dataset)
        transaction.audit.add(audited(actor, "dataset.append", dataset.id, now=now, n_rows=str(arrival.n_rows)))
        return DatasetView(dataset=dataset, version=version, sample_profile=arrival.sample_profile)

    def compact(self, version: DatasetVersion) -> None:
        """Merge small segments, where there may be many. What was acknowledged stays so, whatever becomes of this."""
        if version.n_segments <= compaction.MOST_SMALL:
            return
        try:
            compaction.compact(self._records, self._blobs, self._arrivals, version, now=self._now)
        except AthanorError as error:
            log.warning("segments not merged", extra={"dataset_id": str(version.dataset_id), "error": str(error)})

    def _checked(self, arrival: Arrival, segments: Sequence[Segment], id_column: str | None) -> frozenset[UUID]:
        """The segments that have none of the ids that came: none, where some were merged. Raises Conflict."""
        if id_column is not None:
            try:
                with reading(segments, self._blobs):
                    row_ids.check_free(arrival.ids, arrival.hashes, segments, self._blobs, id_column)
            except SegmentGone:
                return frozenset()
        return frozenset(segment.id for segment in segments)

    def _judged(self, view: DatasetView, segments: Sequence[Segment], arrival: Arrival) -> Schema:
        """The schema as it is with what came."""
        came: list[Path] = arrival.paths(self._blobs)
        known = view.version.schema
        schema = needed(came, together(known, arrival.schema))
        if is_time_to_judge(view.version.n_rows, arrival.n_rows) or len(schema.columns) > len(known.columns):
            try:
                paths, deleted = content(segments, view.dataset.id_column).files(self._blobs)
                schema = judged([*paths, *came], deleted, schema)
            except (AthanorError, OSError) as error:  # the next rows that come bring another try
                log.warning("columns not judged", extra={"dataset_id": str(view.dataset.id), "error": str(error)})
        return schema
