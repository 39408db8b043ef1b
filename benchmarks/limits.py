"""Are limits hard? `athanor train` at several time limits, on an idle machine and with every core busy.

Prints a table: when the process ended, how much over the limit that is (allowed: the larger of 1 % and 2 s), and when
the first usable model was on disk.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from processes import ATHANOR, busy_cores, watch

FIRST_MODEL_S = 5.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limits", type=int, nargs="+", default=[5, 10, 30, 60], help="seconds")
    parser.add_argument("--file", type=Path, help="table to learn from; by default one is made")
    parser.add_argument("--target", default="y")
    parser.add_argument("--rows", type=int, default=20_000, help="of the table that is made")
    parser.add_argument("--out", type=Path, help="JSON lines to append to")
    given = parser.parse_args()
    missed = 0
    print("| limit | machine | ended | over | allowed | first model | score |\n|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        file = given.file or make_table(Path(folder) / "made.csv", n_rows=given.rows)
        for machine, load in (("idle", nullcontext), ("busy", busy_cores)):
            for limit in given.limits:
                with load():
                    result = once(file, given.target, limit, Path(folder) / f"{machine}-{limit}")
                result["machine"] = machine
                missed += result["status"] != 0 or result["over"] > result["allowed"]
                missed += result["first_model"] is None or (machine == "idle" and result["first_model"] > FIRST_MODEL_S)
                print(row(result), flush=True)
                if given.out is not None:
                    with given.out.open("a") as lines:
                        lines.write(json.dumps(result) + "\n")
    print(f"\n{'every promise kept' if not missed else f'{missed} promises MISSED'}")
    return 0 if not missed else 1


def once(file: Path, target: str, limit: int, model: Path) -> dict:
    command = [*ATHANOR, "train", str(file), "--target", target, "--time", str(limit), "--out", str(model)]
    watched = watch(command)
    if watched.status != 0:
        print(watched.err, file=sys.stderr)
    score = re.match(r"\w+: (\w+ [-\d.e]+)", watched.out)
    return {
        "limit": limit,
        "status": watched.status,
        "seconds": round(watched.seconds, 2),
        "over": round(watched.seconds - limit, 2),
        "allowed": max(0.01 * limit, 2.0),
        "first_model": watched.first("Model on disk"),
        "score": score[1] if score else None,
    }


def row(result: dict) -> str:
    first = "never" if result["first_model"] is None else f"{result['first_model']:.1f} s"
    verdict = "" if result["over"] <= result["allowed"] else " MISSED"
    return (
        f"| {result['limit']} s | {result['machine']} | {result['seconds']:.1f} s | {result['over']:+.1f} s{verdict} "
        f"| {result['allowed']:.1f} s | {first} | {result['score']} |"
    )


def make_table(path: Path, *, n_rows: int) -> Path:
    """A binary problem with 20 numbers and 4 categories, the same every time."""
    import numpy as np
    import polars as pl
    from sklearn.datasets import make_classification

    X, y = make_classification(n_samples=n_rows, n_features=20, n_informative=8, flip_y=0.05, random_state=1)
    rng = np.random.default_rng(1)
    columns = {f"number_{place}": X[:, place] for place in range(20)}
    for place in range(4):
        levels = np.digitize(X[:, place] + rng.normal(0, 1, n_rows), np.linspace(-3, 3, 12))
        columns[f"category_{place}"] = [f"level {level}" for level in levels]
    pl.DataFrame({**columns, "y": ["yes" if label else "no" for label in y]}).write_csv(path)
    return path


if __name__ == "__main__":
    sys.exit(main())
