"""Vectors appended to a dataset batch by batch, through the service, SQLite and the disk: rows a second."""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from athanor.app import Platform, open_platform
from athanor.core.actor import Actor
from athanor.engine.dataset import Dataset, Vectors, Words
from athanor.engine.schema import ColumnSchema, ColumnType, Schema, Storage
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
        seconds, n_segments = append(platform, actor, Path(name), n_rows=given.rows, dim=given.dim, batch=given.batch)
        platform.close()
    print(
        f"{given.rows:,} x {given.dim} float32 with ids, {given.batch:,} at a time: "
        f"{given.rows / sum(seconds):,.0f} rows/s; a batch takes {statistics.median(seconds) * 1e3:.0f} ms (median), "
        f"{max(seconds) * 1e3:,.0f} ms (longest, small segments are merged in it); {n_segments} segments are left"
    )


def append(
    platform: Platform, actor: Actor, folder: Path, *, n_rows: int, dim: int, batch: int
) -> tuple[list[float], int]:
    """Seconds of each batch, and the segments that are left."""
    rng = np.random.default_rng(0)
    schema = Schema(
        (
            ColumnSchema(name="id", type=ColumnType.ID, storage=Storage.STRING),
            ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=dim),
        )
    )
    first = folder / "first.parquet"
    pl.DataFrame({"id": ["first"], "v": np.zeros((1, dim), np.float32)}).write_parquet(first)
    services = platform.services
    dataset_id = services.ingest.receive(
        first, filename=first.name, name="vectors", actor=actor, id_column="id"
    ).dataset.id
    seconds = []
    for start in range(0, n_rows, batch):
        ids = [f"row-{number}" for number in range(start, start + batch)]
        matrix = rng.standard_normal((batch, dim), np.float32)
        table = Dataset(schema, {"id": Words.of(ids), "v": Vectors(matrix)}, batch)
        began = time.perf_counter()
        view = services.datasets.append_dataset(actor, dataset_id, table)
        seconds.append(time.perf_counter() - began)
    if view.version.n_rows != n_rows + 1:
        raise SystemExit(f"{view.version.n_rows:,} rows are there, {n_rows + 1:,} came")
    return seconds, services.ingest.get(actor, dataset_id).version.n_segments


if __name__ == "__main__":
    main()
