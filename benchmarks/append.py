"""Vectors inserted into a collection batch by batch, through the service, SQLite and the disk: rows a second."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from athanor.app import Platform, open_platform
from athanor.core.actor import Actor
from athanor.engine.tables.schema import Storage
from athanor.services.aliases import Naming
from athanor.services.collections.collections import VectorBatch
from athanor.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--batch", type=int, default=10_000)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        platform = open_platform(Settings(data_folder=Path(name) / "data"))
        actor = platform.services.keys.authenticate(platform.services.keys.first_start() or "")
        seconds, n_segments = append(platform, actor, n_rows=given.rows, dim=given.dim, batch=given.batch)
        platform.close()
    print(
        f"{given.rows:,} x {given.dim} float32 with ids, {given.batch:,} at a time: "
        f"{given.rows / sum(seconds):,.0f} rows/s; a batch takes {statistics.median(seconds) * 1e3:.0f} ms (median), "
        f"{max(seconds) * 1e3:,.0f} ms (longest, small segments are merged in it); {n_segments} segments are left"
    )


def append(platform: Platform, actor: Actor, *, n_rows: int, dim: int, batch: int) -> tuple[list[float], int]:
    """Seconds of each batch, and the segments that are left."""
    rng = np.random.default_rng(0)
    services, place = platform.services, ("default", "vectors")
    services.collections.create(actor, *place, storage=Storage.DENSE, dim=dim)
    seconds = []
    for start in range(0, n_rows, batch):
        ids = [f"row-{number}" for number in range(start, start + batch)]
        matrix = rng.standard_normal((batch, dim), np.float32)
        naming = Naming(dialect="vecml", text=f"batch {start}")
        began = time.perf_counter()
        services.collections.insert(actor, *place, VectorBatch(ids=ids, matrix=matrix), naming=naming)
        seconds.append(time.perf_counter() - began)
    version = services.collections.get(actor, *place).version
    if version.n_rows != n_rows:
        raise SystemExit(f"{version.n_rows:,} rows are there, {n_rows:,} came")
    return seconds, version.n_segments


if __name__ == "__main__":
    main()
