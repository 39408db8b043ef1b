from __future__ import annotations

import io

from athanor.core.ids import new_id
from athanor.services.profile import make_profile
from athanor.services.references import sweep


def test_the_sweep_removes_old_blobs_that_no_record_refers_to(world):
    view = world.a_dataset("id,x\na,1\nragged\n" + "".join(f"{n},2\n" for n in range(20)), id_column="id")
    make_profile(world.records, world.blobs, view.version.id)
    kept = set(world.blobs.keys())
    assert {key.partition("/")[0] for key in kept} == {"segments", "ids", "rejects", "profiles"}
    for key in ("segments/{}.parquet", "ids/{}.npy", "rejects/{}.csv", f"profiles/{new_id()}-{{}}.json"):
        world.blobs.put(key.format(new_id()), io.BytesIO(b"forgotten"))
    world.blobs.put("models/somebody/else.json", io.BytesIO(b"{}"))
    assert sweep(world.records, world.blobs, now=world.clock()) == 4  # the clock of this world is years ahead
    assert set(world.blobs.keys()) == kept | {"models/somebody/else.json"}


def test_the_sweep_leaves_blobs_that_may_still_get_their_record(world):
    from datetime import UTC, datetime, timedelta

    world.blobs.put(f"segments/{new_id()}.parquet", io.BytesIO(b"on its way"))
    now = datetime.now(UTC)
    assert sweep(world.records, world.blobs, now=now + timedelta(hours=23)) == 0
    assert sweep(world.records, world.blobs, now=now + timedelta(hours=25)) == 1
