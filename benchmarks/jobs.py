"""Are the limits of jobs hard? Jobs of a real server at several time limits, idle and with every core busy.

Prints a table: seconds from the job's start to its end, how much over the limit that is (allowed: the larger of 1 %
and 2 s), and when the first usable model was on disk. Times are the server's own records.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hostile_report import FIRST_MODEL_S
from made_table import make_table
from processes import busy_cores

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limits", type=int, nargs="+", default=[5, 10, 30, 60], help="seconds")
    parser.add_argument("--file", type=Path, help="CSV file to learn from; by default one is made")
    parser.add_argument("--target", default="y")
    parser.add_argument("--rows", type=int, default=20_000, help="of the table that is made")
    given = parser.parse_args()
    os.environ |= {"ATHANOR_RATE_PER_MINUTE": "1000000", "ATHANOR_RATE_BURST": "1000000"}
    sys.path.insert(0, str(EXAMPLES))
    import first_run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missed = 0
    print("| limit | machine | ended | over | first model | best model |\n|---|---|---|---|---|---|")
    with TemporaryDirectory() as name:
        data = Path(name)
        key = first_run.make_key(data)
        with first_run.a_server(data, first_run.free_port(8000)) as address:
            api = first_run.Api(address, key)
            file = given.file or make_table(data / "made.csv", n_rows=given.rows)
            dataset = api.upload("/api/v1/automl/datasets", file)["id"]
            for machine, load in (("idle", nullcontext), ("busy", busy_cores)):
                for limit in given.limits:
                    body = {"name": "limits", "dataset": dataset, "targetColumn": given.target, "timeLimit": limit}
                    with load():
                        wait(api, api.post("/api/v1/automl/jobs", body)["id"])
                    ended_s, first_s, best = newest_job(data)
                    allowed_s = max(0.01 * limit, 2.0)
                    is_late = ended_s - limit > allowed_s or first_s is None or first_s > FIRST_MODEL_S
                    missed += is_late
                    first = "never" if first_s is None else f"{first_s:.1f} s"
                    over = f"{ended_s - limit:+.1f} s{' MISSED' if is_late else ''}"
                    print(f"| {limit} s | {machine} | {ended_s:.1f} s | {over} | {first} | {best} |", flush=True)
    print(f"\n{'every promise kept' if not missed else f'{missed} promises MISSED'}")
    return 0 if not missed else 1


def wait(api: Any, job: str) -> None:
    while api.get(f"/api/v1/automl/jobs/{job}/status")["status"] in {"queued", "running"}:
        time.sleep(0.5)


def newest_job(data: Path) -> tuple[float, float | None, str]:
    """Seconds from the start of the job that was made last to its end and to its first model, and its best model."""
    from athanor.backends.records.sql import SqlRecords
    from athanor.core.event import EventKind
    from athanor.core.job import JobKind
    from athanor.core.ports import EVERYONE

    with SqlRecords(f"sqlite:///{data / 'athanor.db'}").look(EVERYONE) as transaction:
        job = transaction.jobs.find({"kind": JobKind.TRAIN}, descending=True, limit=1).items[0]
        lines = transaction.events.after(job.id, kinds=[EventKind.LINE])
        model = transaction.models.find({"run_id": job.subject_id}, sort="rank", limit=1).items[0]
    if job.started_at is None or job.finished_at is None:
        raise SystemExit(f"The job is {job.state.value}: {job.error}")
    saved = [event.at for event in lines if event.payload["message"].startswith("Best model saved")]
    first_s = (saved[0] - job.started_at).total_seconds() if saved else None
    return (job.finished_at - job.started_at).total_seconds(), first_s, f"{model.metric} {model.score:.4f}"


if __name__ == "__main__":
    sys.exit(main())
