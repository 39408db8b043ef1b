"""`kill -9` of a process that appends, deletes, changes, labels and merges, at any instant: what it said is done."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from athanor.app import now, open_platform
from athanor.services.references import sweep
from athanor.settings import Settings

INSTANTS = int(os.environ.get("ATHANOR_FAULT_INSTANTS", "3"))
SEED = int(os.environ.get("ATHANOR_FAULT_SEED", str(int(time.time()))))
# Appends rows without end, deletes every third and changes every third, labels all now and then; says what is done.
APPENDING = """if True:
    import sys
    from pathlib import Path
    from uuid import UUID
    from athanor.app import open_platform
    from athanor.services.rows import compaction, rewriting
    from athanor.services.aliases import Naming
    from athanor.settings import Settings
    compaction.MOST_SMALL, rewriting._PIECE_ROWS = 5, 4
    folder, dataset_id, key, number = Path(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    services = open_platform(Settings(data_folder=folder)).services
    actor = services.keys.authenticate(key)
    while True:
        print("next", number, flush=True)
        services.datasets.append_rows(actor, dataset_id, [{"id": f"r{number}", "x": number}])
        print("appended", number, flush=True)
        if number % 3 == 0:
            services.datasets.delete_rows(actor, dataset_id, [f"r{number}"])
            print("deleted", number, flush=True)
        if number % 3 == 1:
            services.collection_rows.update(actor, "default", "first", [f"r{number}"], attributes=[{"note": str(number)}])
            print("noted", number, flush=True)
        if number % 10 == 0:
            ids = [row[0] for row in services.datasets.rows(actor, dataset_id, limit=1000).rows]
            file = folder.with_name("labels.csv")
            file.write_text("label\\n" + "".join(f"{id_}\\n" for id_ in ids))
            naming = Naming(dialect="vecml", text="labels")
            services.collection_rows.attach(
                actor, "default", "first", file, attribute="label", format="csv", filename="labels.csv", naming=naming
            )
            print("labelled", number, flush=True)
        number += 1
"""


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_appended_and_deleted_rows_survive_the_death_of_who_brought_them(tmp_path, record_property):
    print(f"\nfaults: ATHANOR_FAULT_SEED={SEED} instants={INSTANTS}")  # noqa: T201 - to run it again
    record_property("seed", SEED)
    rng = random.Random(SEED)
    platform = open_platform(Settings(data_folder=tmp_path / "data"))
    services, key = platform.services, platform.services.keys.first_start() or ""
    actor = services.keys.authenticate(key)
    (tmp_path / "first.csv").write_text("id,x\nfirst,0\n")
    view = services.ingest.receive(tmp_path / "first.csv", filename="first.csv", name=None, actor=actor, id_column="id")
    dataset_id, expected, noted, labelled = view.dataset.id, {"first"}, {}, set()
    for instant in range(INSTANTS):
        arguments = [str(tmp_path / "data"), str(dataset_id), key, str(instant * 1_000_000)]
        process = subprocess.Popen([sys.executable, "-c", APPENDING, *arguments], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        said = [process.stdout.readline()]  # it has begun
        time.sleep(rng.uniform(0.0, 1.5))
        process.kill()
        said += process.stdout.readlines()
        process.wait()
        for what, number in (line.split() for line in said if line.endswith("\n")):
            if what in {"appended", "deleted"}:
                (expected.add if what == "appended" else expected.discard)(f"r{number}")
            elif what == "noted":
                noted[f"r{number}"] = number
            elif what == "labelled":
                labelled = set(expected)
        last = said[-1].split()[1]
        page = services.datasets.rows(actor, dataset_id, limit=1000)
        found = [row[0] for row in page.rows]
        assert len(found) == len(set(found)) == page.total
        assert set(found) ^ expected <= {f"r{last}", f"r{int(last) + 1}"}, "beyond what it was about to do"
        numbers = [int(id_[1:]) for id_ in found[1:]]
        assert numbers == sorted(numbers), "rows stand in the order in which they came"
        expected = set(found)
        cells = [dict(zip(page.columns, row, strict=True)) for row in page.rows]
        assert noted == {row["id"]: row["note"] for row in cells if row["id"] in noted}
        assert labelled & expected <= {row["id"] for row in cells if row.get("label") is not None}
        assert all(row.get("label") in {None, row["id"]} for row in cells), "nobody has the label of somebody else"
    sweep(platform.records, platform.blobs, now=now() + timedelta(days=2))
    n_segments = services.ingest.get(actor, dataset_id).version.n_segments
    assert len(list(platform.blobs.keys())) == 2 * n_segments, "a file of rows and one of hashes each, and nothing else"
    assert services.datasets.rows(actor, dataset_id, limit=1000).total == len(expected)
    platform.close()
