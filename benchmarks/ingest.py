"""A made CSV file of 20 mixed columns: seconds and memory of reading and profiling it, beside polars' plain read.

Each figure is the median of several processes; the ways take turns, so that all see the same machine. With
`--gigabytes` the file is that large instead of 1,000,000 rows, and what is asked is whether the memory stays bounded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from processes import watch

AIM_S, AIM_BYTES, AIM_RATIO = 4.0, 1.5 * 2**30, 4.0
BLOCK = 100_000
WORDS = np.array(["lorem", "ipsum", "dolor", "sit", "amet", "consectetur", "adipiscing", "elit", "sed", "do"])

# The ways of reading, each a program for a process of its own. It prints the seconds of what comes after the imports.
TIMED = """
import sys, time
from pathlib import Path
import polars as pl
from athanor.engine.tables.inference import infer
from athanor.engine.profiling.profile import profile
from athanor.engine.readers import read
from athanor.engine.readers.segmenting import write_segments
from athanor.engine.tables.segments import scan_segments
file, folder = Path(sys.argv[1]), Path(sys.argv[2])
started = time.perf_counter()
{what}
print(time.perf_counter() - started)
"""
WAYS = {
    "polars: plain read": "pl.read_csv(file)",
    "read": "read(file)",
    "read + profile of all rows": "table = read(file); profile(table.frame, table.schema)",
    "to segments + profile of a sample": (
        "kept = write_segments(file, folder)\n"
        "profile(scan_segments([s.path for s in kept.segments], kept.schema), kept.schema, sample_rows=20_000)"
    ),
    "to segments + profile of all rows": (
        "kept = write_segments(file, folder)\n"
        "profile(scan_segments([s.path for s in kept.segments], kept.schema), kept.schema)"
    ),
}
LARGE = ("to segments + profile of all rows",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=float, help="size of the file, instead of --rows")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "made.csv"
        n_rows = write(file, given.rows, given.gigabytes)
        print(f"{n_rows:,} rows x 20 columns, {file.stat().st_size / 2**20:,.0f} MB; medians of {given.repeats}\n")
        ways = WAYS if given.gigabytes is None else {way: WAYS[way] for way in LARGE}
        measured = measure(ways, file, folder, 1 if given.gigabytes else given.repeats)
    print("| way | seconds | times polars | peak MB |\n|---|---|---|---|")
    plain_s = measured.get("polars: plain read", (float("nan"), 0))[0]
    for way, (seconds, peak) in measured.items():
        print(f"| {way} | {seconds:.2f} | {seconds / plain_s:.1f} | {peak / 2**20:,.0f} |")
    if given.gigabytes is None:
        seconds, peak = measured["to segments + profile of all rows"]
        kept = seconds <= AIM_S and peak <= AIM_BYTES
        print(f"\naim: at most {AIM_S:g} s and {AIM_BYTES / 2**20:,.0f} MB: {'kept' if kept else 'MISSED'}")


def measure(ways: dict[str, str], file: Path, folder: Path, repeats: int) -> dict[str, tuple[float, float]]:
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for turn in range(repeats):
        for number, (way, what) in enumerate(ways.items()):
            segments = folder / f"{turn}-{number}"
            segments.mkdir()
            watched = watch([sys.executable, "-c", TIMED.format(what=what), str(file), str(segments)])
            if watched.status:
                sys.exit(watched.err)
            found[way].append((float(watched.out), watched.peak_bytes))
            for path in segments.iterdir():
                path.unlink()
    return {
        way: (statistics.median(s for s, _ in each), statistics.median(p for _, p in each))
        for way, each in found.items()
    }


def write(file: Path, n_rows: int, gigabytes: float | None) -> int:
    """Rows until there are enough; how many there are."""
    written = 0
    with file.open("wb") as out:
        for block in blocks():
            block.write_csv(out, include_header=written == 0)
            written += block.height
            if written >= n_rows if gigabytes is None else out.tell() >= gigabytes * 2**30:
                return written
    raise AssertionError("blocks never end")


def blocks() -> Iterator[pl.DataFrame]:
    rng = np.random.default_rng(0)
    start = 0
    while True:
        columns: dict[str, object] = {f"float_{n}": rng.normal(size=BLOCK).round(5) for n in range(6)}
        columns |= {f"whole_{n}": rng.integers(0, 10 ** (n + 2), BLOCK) for n in range(4)}
        columns |= {f"category_{n}": rng.integers(0, n, BLOCK).astype(str) + WORDS[0] for n in (3, 10, 30, 50)}
        columns["truth"] = np.where(rng.random(BLOCK) < 0.5, "true", "false")
        days = np.datetime64("2020-01-01") + rng.integers(0, 1500, BLOCK).astype("timedelta64[D]")
        columns["date"] = days.astype(str)
        seconds = np.datetime64("2020-01-01T00:00:00") + rng.integers(0, 10**8, BLOCK).astype("timedelta64[s]")
        columns["moment"] = seconds.astype(str)
        columns["text"] = [" ".join(words) for words in WORDS[rng.integers(0, 10, (BLOCK, 6))]]
        columns["customer"] = [f"u{number:09d}" for number in range(start, start + BLOCK)]
        columns["gaps"] = [
            None if gone else value
            for gone, value in zip(rng.random(BLOCK) < 0.03, rng.normal(size=BLOCK).round(3).tolist(), strict=True)
        ]
        yield pl.DataFrame(columns)
        start += BLOCK


if __name__ == "__main__":
    main()
