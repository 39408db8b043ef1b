"""Does `athanor train` keep its word? Hostile tables under small limits of time and memory, idle and with busy cores.

A case is a table of `hostile_tables.py`, a time limit, a cap on memory, whether other processes keep every core busy,
and a seed. Cases are drawn by --seed: the first hundred of a thousand are those of a hundred. Each result is a line of
JSON in --out; cases that are there already are not run again, so that what was cut off goes on. --table prints what is
in such a file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from hostile_report import PATIENCE_S, Result, line_of, print_report
from hostile_tables import MODEL, Table, all_tables
from processes import ATHANOR, Watched, busy_cores, kill, watch, with_mark

LIMITS = {1: 30, 2: 27, 3: 20, 5: 15, 10: 6, 30: 2}  # seconds, and how often of 100
CAPS = {"512MB": 512, "768MB": 768, "1GB": 1024, "2GB": 2048, "4GB": 4096}  # in 2**20 bytes
BUSY = 1 / 3  # of the cases
LOOK_S = 0.05
GONE_S = 1.0  # a process that was killed may take so long to go
MARK = "ATHANOR_HOSTILE_RUN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    run: int
    table: str
    limit: int
    cap: str
    busy: bool
    seed: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1_000, help="how many cases")
    parser.add_argument("--seed", type=int, default=0, help="of the drawing of cases")
    parser.add_argument("--out", type=Path, help="JSON lines to append to; cases in it are not run again")
    parser.add_argument("--jobs", type=int, default=1, help="cases at a time; more than one disturb each other")
    parser.add_argument("--only", nargs="+", help="names of tables")
    parser.add_argument("--tables", type=Path, default=Path(tempfile.gettempdir()) / "athanor-hostile-tables")
    parser.add_argument("--table", type=Path, metavar="FILE", help="only print what is in FILE")
    given = parser.parse_args()
    if given.table:
        return print_report(read_results(given.table))
    cases = draw(given.runs, given.seed, sorted(given.only or all_tables()))
    if given.out:
        done = {tuple(result["case"].values()) for result in read_results(given.out)}
        cases = [case for case in cases if tuple(asdict(case).values()) not in done]
    results = run_all(cases, given)
    return print_report(read_results(given.out) if given.out else results)


def draw(n: int, seed: int, names: Sequence[str]) -> list[Case]:
    rng = random.Random(seed)
    return [
        Case(
            run=run,
            table=rng.choice(names),
            limit=rng.choices(list(LIMITS), list(LIMITS.values()))[0],
            cap=rng.choice(list(CAPS)),
            busy=rng.random() < BUSY,
            seed=rng.randrange(1_000),
        )
        for run in range(n)
    ]


def read_results(path: Path) -> list[Result]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# --- running ----------------------------------------------------------------------------------------------------------


def run_all(cases: Iterable[Case], given: argparse.Namespace) -> list[Result]:
    tables, checker, results = all_tables(), Checker(), []
    writing, making = threading.Lock(), threading.Lock()

    def run(case: Case) -> None:
        with making:
            files = tables[case.table].put_into(given.tables)
        result = run_one(case, tables[case.table], *files, checker)
        with writing:
            results.append(result)
            print(line_of(result), file=sys.stderr, flush=True)
            if given.out:
                with given.out.open("a") as lines:
                    lines.write(json.dumps(result) + "\n")

    with checker, ThreadPoolExecutor(given.jobs) as threads:
        list(threads.map(run, cases))
    return results


def run_one(case: Case, table: Table, file: Path, head: Path, checker: Checker) -> Result:
    cap = CAPS[case.cap] * 2**20
    command = [*ATHANOR, "train", str(file), f"--target={table.target}", "--time", str(case.limit)]
    command += ["--memory", case.cap, "--seed", str(case.seed), "--out", "model", *table.options]
    mark = f"{MARK}={os.getpid()}-{case.run}-{time.monotonic_ns()}"
    environment = os.environ | dict([mark.split("=")])
    with TemporaryDirectory(prefix="athanor-hostile-") as name:
        folder = Path(name)
        load = os.getloadavg()[0]
        with busy_cores() if case.busy else nullcontext():
            done = watch(
                command,
                cwd=folder,
                environment=environment,
                look_s=LOOK_S,
                timeout_s=case.limit + PATIENCE_S,
            )
            left_over = end_left_over(mark)
        kept = {"model", "model.folds"} if done.status == MODEL else set()  # the folds are for `athanor continue`
        left_files = sorted({path.name for path in folder.iterdir()} - kept)
        unusable = checker(folder / "model", head) if done.status == MODEL else None
    return {
        "case": asdict(case),
        "possible": table.is_possible(case.limit, cap),
        "expected": table.status,
        "status": done.status,
        "was_killed": done.was_killed,
        "seconds": round(done.seconds, 3),
        "over": round(done.seconds - case.limit, 3),
        "peak": round(done.peak_bytes / cap, 4),
        "peak_at": round(done.peak_at, 2),
        "n_looks": done.n_looks,
        "first_model": None if (at := done.first("Model on disk")) is None else round(at, 3),
        "reason": reason_of(done),
        "unusable": unusable,
        "left_over": left_over,
        "left_files": left_files,
        "traceback": "Traceback (most recent call last)" in done.err,
        "warnings": sorted(set(re.findall(r"\w*Warning: .*", done.err))),
        "said": done.err[-2_000:],
        "load": round(load, 2),
        "waited_s": round(done.waited_s, 2),
        "cpu_s": round(done.cpu_s, 2),
    }


def end_left_over(mark: str) -> int:
    """How many processes outlived the command by more than a moment. They are ended."""
    until = time.monotonic() + GONE_S
    while (pids := with_mark(mark)) and time.monotonic() < until:
        time.sleep(0.02)
    for pid in pids:
        kill(pid)
    return len(pids)


def reason_of(done: Watched) -> str | None:
    """Why the run ended, in its own words."""
    found = re.search(r"^Ended after .*?\((.*?)\)", done.out, re.MULTILINE)
    return found[1] if found else None


class Checker:
    """Loads models and has them answer, in a process of its own: what breaks there is not what is measured here."""

    def __enter__(self) -> Self:
        self._pool = self._new_pool()
        self._lock = threading.Lock()
        return self

    def __exit__(self, *ended: object) -> None:
        self._pool.shutdown()

    def __call__(self, model: Path, head: Path) -> str | None:
        """Why the model cannot be used; None where it answered."""
        with self._lock:
            try:
                return self._pool.submit(why_unusable, model, head).result()
            except BrokenProcessPool:
                self._pool = self._new_pool()
                return "the process that asked it died"

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def why_unusable(model: Path, head: Path) -> str | None:
    import numpy as np

    from athanor.engine.readers import read
    from athanor.engine.serving.predictor import Predictor
    from athanor.engine.tables.frames import to_dataset

    try:
        predictor = Predictor.load(model)
        rows = read(head, schema=predictor.schema)
        answers = predictor.predict(to_dataset(rows.frame, rows.schema))
    except Exception as error:  # noqa: BLE001 - whatever it is, the model is of no use
        return f"{type(error).__name__}: {error}"
    numbers = answers.values if answers.probabilities is None else answers.probabilities
    if numbers is None or not np.isfinite(numbers).all():
        return "not every answer is a finite number"
    if len(answers) != rows.frame.height or not len(answers):
        return f"{len(answers)} answers to {rows.frame.height} rows"
    return None


if __name__ == "__main__":
    sys.exit(main())
