"""The whole profile of a dataset version: what the light job behind every upload makes."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

from athanor.core.dataset import DatasetVersion
from athanor.core.ids import new_id
from athanor.core.ports import EVERYONE, BlobStore, Records
from athanor.errors import Conflict
from athanor.services.rows.contents import content_of

SEED = 0  # a profile of all rows leaves nothing to chance


def make_profile(records: Records, blobs: BlobStore, version_id: UUID) -> DatasetVersion:
    """The version with its profile among the blobs. Nothing happens where it has one: a job may be taken twice."""
    from athanor.engine.profiling.profile import profile
    from athanor.engine.tables.segments import scan_segments

    with records.look(EVERYONE) as transaction:
        version = transaction.versions.get(version_id)
        content = content_of(transaction, version)
    if version.profile_blob is not None:
        return version
    paths, deleted = content.files(blobs)
    made = profile(scan_segments(paths, version.schema, without=deleted), version.schema, seed=SEED)
    key = f"profiles/{version_id}-{new_id()}.json"
    with ExitStack() as undo:
        undo.callback(blobs.delete, key)
        blobs.put(key, io.BytesIO(json.dumps(made.to_json(), allow_nan=False).encode()))
        with records.change(version.organization_id) as transaction:
            present = transaction.versions.get(version_id, lock=True)
            if present.profile_blob is not None:  # another attempt was faster
                return present
            if content_of(transaction, present) != content:
                raise Conflict("The dataset changed while it was profiled. Profile it again.")
            profiled = replace(present, profile_blob=key)
            transaction.versions.put(profiled)
        undo.pop_all()
    return profiled
