"""Large tables within a memory cap: `athanor train` on 1,000,000 x 50 within 4 GB and 10,000,000 x 20 within 8 GB."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from processes import ATHANOR, watch

BLOCK_ROWS, GROUP_ROWS = 250_000, 125_000
CATEGORIES = (5, 20, 80, 320)  # levels of the categorical columns


@dataclass(frozen=True)
class Case:
    """A table, and the limits to learn from it within."""

    name: str
    n_rows: int
    n_columns: int
    suffix: str
    cap_gb: int
    time_s: int


CASES = (
    Case("1M x 50", 1_000_000, 50, ".parquet", 4, 120),
    Case("1M x 50", 1_000_000, 50, ".csv", 4, 120),
    Case("10M x 20", 10_000_000, 20, ".parquet", 8, 300),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="for tables and models; the tables stay there [default: temporary]")
    parser.add_argument("--only", default="", help="cases whose name and suffix hold this: 10M, .csv")
    parser.add_argument("--scale", type=float, default=1.0, help="of rows and seconds, to try it out")
    given = parser.parse_args()
    with TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'table':>10}  {'file':>8}  {'rows learned from':>18}  {'memory of cap':>16}  {'seconds':>12}  roc_auc")
        for case in CASES:
            if given.only in case.name + case.suffix:
                run(case, folder, given.scale)


def run(case: Case, folder: Path, scale: float) -> None:
    n_rows, time_s = int(case.n_rows * scale), max(int(case.time_s * scale), 5)
    table = folder / f"{n_rows}x{case.n_columns}{case.suffix}"
    if not table.exists():
        write_table(table, n_rows, case.n_columns)
    model = folder / "model"
    for left in (model, folder / "model.folds"):
        shutil.rmtree(left, ignore_errors=True)
    limits = ["--memory", f"{case.cap_gb}GB", "--time", str(time_s)]
    watched = watch([*ATHANOR, "train", str(table), "--target", "y", "--out", str(model), *limits])
    if watched.status:
        raise SystemExit(f"Training on {table.name} ended with status {watched.status}:\n{watched.err}")
    read = re.search(r"Learning: .*?([\d,]+) rows,", watched.err)
    score = json.loads((model / "model.json").read_text())["score"]
    cap = case.cap_gb * 1e9
    print(
        f"{case.name:>10}  {case.suffix:>8}  {read[1] if read else '?':>9}/{n_rows:,}  "
        f"{watched.peak_bytes / 1e9:5.2f} GB ({watched.peak_bytes / cap:4.0%})  "
        f"{watched.seconds:5.1f} of {time_s}  {score:.5f}",
        flush=True,
    )


def write_table(path: Path, n_rows: int, n_columns: int) -> None:
    """Numbers, four categories and a binary target that depends on both, a block in memory at a time."""
    parts = path.with_name(path.name + ".parts")
    parts.mkdir()
    for place, block in enumerate(blocks(n_rows, n_columns)):
        block.write_parquet(parts / f"{place:04}.parquet")
    scan = pl.scan_parquet(sorted(parts.iterdir()))
    if path.suffix == ".csv":
        scan.sink_csv(path)
    else:
        scan.sink_parquet(path, row_group_size=GROUP_ROWS)
    shutil.rmtree(parts)


def blocks(n_rows: int, n_columns: int) -> Iterator[pl.DataFrame]:
    rng = np.random.default_rng(0)
    n_numbers = n_columns - len(CATEGORIES) - 1
    for start in range(0, n_rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, n_rows - start)
        numbers = rng.normal(size=(n_numbers, size))
        signal = numbers[0] + 0.7 * numbers[1] * numbers[2] - np.abs(numbers[3]) + 0.4 * numbers[4]
        columns = {f"x{place}": pl.Series(np.round(values, 4)) for place, values in enumerate(numbers)}
        for place, n_levels in enumerate(CATEGORIES):
            levels = rng.integers(0, n_levels, size)
            signal = signal + 0.5 * np.sin(1.7 * levels + place)
            columns[f"c{place}"] = pl.Series([f"level_{level}" for level in range(n_levels)]).gather(levels)
        columns["y"] = pl.Series((signal + rng.normal(size=size) > 0).astype(np.int64))
        yield pl.DataFrame(columns)


if __name__ == "__main__":
    main()
