"""Vectors on their way in: 1,000,000 x 64 float32 appended by batches and read back, and a wide sparse libsvm file.

Every measured step is a process of its own, so that its peak memory is its own. Beside the time to append stands that
of writing the same bytes to a plain file with as many syncs, because the disk decides most of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from processes import watch

AIM_RATIO, AIM_BYTES = 1.3, 2**30

# Each is a program for a process of its own: it prints what it found, and its memory above that after the imports.
HEAD = """
import os, sys, time
from pathlib import Path
import numpy as np
import polars as pl
from scipy import sparse
from athanor.engine.readers import ReaderOptions
from athanor.engine.readers.segmenting import write_segments
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.tables.segments import read_segments, write_segment
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
folder, n_rows, batch, dim = Path(sys.argv[1]), *map(int, sys.argv[2:5])
dense = Schema((ColumnSchema(name="v", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=dim),))
def sync(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
rows = np.random.default_rng(0).standard_normal((batch, dim), dtype=np.float32)
base, started = peak(), time.perf_counter()
"""
TAIL = """
print(time.perf_counter() - started, peak() - base)
"""
PLAIN = """
for start in range(0, n_rows, batch):
    (folder / f"{start:09}.raw").write_bytes(rows.tobytes())
    sync(folder / f"{start:09}.raw")
"""
APPEND = """
for start in range(0, n_rows, batch):
    frame = pl.DataFrame({"v": pl.Series(rows, dtype=pl.Array(pl.Float32, dim))})
    sync(write_segment(frame, folder / f"{start:09}.parquet").path)
"""
READ = """
read_segments(sorted(folder.glob("*.parquet")), dense)
"""
SAMPLE = """
read_segments(sorted(folder.glob("*.parquet")), dense, rows=n_rows // 10)
"""
SPARSE = """
(folder / "sparse").mkdir()
written = write_segments(folder / "rows.svm", folder / "sparse")
dataset = read_segments([segment.path for segment in written.segments], written.schema)
assert dataset["features"].is_sparse
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, help="dense rows")
    parser.add_argument("--batch", type=int, default=10_000, help="rows that are appended at a time")
    parser.add_argument("--dim", type=int, default=64, help="numbers in a dense row")
    parser.add_argument("--sparse-rows", type=int, default=20_000)
    parser.add_argument("--components", type=int, default=100_000, help="dimensions of the libsvm file")
    parser.add_argument("--entries", type=int, default=50, help="entries in a row of the libsvm file")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        arguments = [name, str(given.rows), str(given.batch), str(given.dim)]
        print("| what | seconds | rows/s | peak MB | |")
        print("|---|---|---|---|---|")
        ratio = 0.0
        for what, program in {
            "raw bytes, a file and a sync a batch": PLAIN,
            "appended as segments, with a sync each": APPEND,
            "read into one array": READ,
            "a tenth of the rows read": SAMPLE,
        }.items():
            seconds, peak = measure(program, arguments)
            size = given.rows * given.dim * 4
            note = f"{peak / size:.2f} of the array" if program is READ else ""
            ratio = peak / size if program is READ else ratio
            print(f"| {what} | {seconds:.2f} | {given.rows / seconds:,.0f} | {peak / 2**20:.0f} | {note} |")
        size = write_libsvm(folder / "rows.svm", given.sparse_rows, given.components, given.entries)
        seconds, sparse_peak = measure(SPARSE, arguments)
        rate = f"{size / 1e6 / seconds:.1f} MB/s of text"
        what = f"libsvm, {given.components:,} dimensions, to segments and to CSR"
        print(f"| {what} | {seconds:.2f} | {given.sparse_rows / seconds:,.0f} | {sparse_peak / 2**20:.0f} | {rate} |")
    return 0 if ratio <= AIM_RATIO and sparse_peak < AIM_BYTES else 1


def measure(program: str, arguments: list[str]) -> tuple[float, int]:
    """Seconds and bytes of a program, its imports not counted."""
    done = watch([sys.executable, "-c", HEAD + program + TAIL, *arguments])
    if done.status:
        sys.exit(done.err)
    seconds, peak = done.out.split()
    return float(seconds), int(peak)


def write_libsvm(path: Path, n_rows: int, components: int, entries: int) -> int:
    """A file with labels that entries decide; its size in bytes."""
    rng = np.random.default_rng(1)
    worth = rng.normal(size=components)
    with path.open("w") as file:
        for _ in range(n_rows):
            indices = np.unique(rng.integers(0, components, entries))
            values = rng.random(len(indices))
            label = "+1" if worth[indices] @ values > 0 else "-1"
            file.write(
                f"{label} {' '.join(f'{i + 1}:{value:.4f}' for i, value in zip(indices, values, strict=True))}\n"
            )
    return path.stat().st_size


if __name__ == "__main__":
    started = time.perf_counter()
    status = main()
    print(f"\n{time.perf_counter() - started:.0f} s in all", file=sys.stderr)
    sys.exit(status)
