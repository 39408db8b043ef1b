"""`python -m support.a_run FOLDER …`: a run under a trial budget in a process of its own, to be killed.

It says `begun` when it begins to learn. `--step` names the step before which the process that makes it is killed, or the
whole group. At its end it says how many steps it made, and whether somebody was killed by then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.learners import import_learners
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.processes.nursery import is_single_threaded
from athanor.engine.processes.pool import InlinePool, LocalPool
from athanor.engine.task import Task
from support.mixed import mixed_table
from support.steps import Steps

PLAN = Plan(time_limit_s=None, max_trials=3, preset="good_quality", seed=11)
TASK = Task(target="target")
FINISHED_TWICE = 3  # the exit status where a finished fold was ordered again


class Watched(LocalPool):
    """A pool that refuses to fit what is finished."""

    finished_in: Path

    def submit(self, order) -> None:
        if (self.finished_in / order.trial / f"fold-{order.fold}").exists():
            print(f"fold {order.fold} of {order.trial} is finished and was ordered again", file=sys.stderr)  # noqa: T201
            sys.exit(FINISHED_TWICE)
        super().submit(order)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--problem", default="multiclass")
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--workers", type=int, default=2, help="0: in this process")
    parser.add_argument("--step", type=int)
    parser.add_argument("--whole-group", action="store_true")
    given = parser.parse_args()
    import_learners()
    if given.step is not None and not is_single_threaded():
        raise RuntimeError("Something has started a thread: pool processes are not forked from here, nor watched.")
    steps = Steps(given.folder, deadly=given.step, whole_group=given.whole_group)
    pool = Watched(given.workers) if given.workers else InlinePool()
    if isinstance(pool, Watched):
        pool.finished_in = given.folder / "trials"
    print("begun", flush=True)  # noqa: T201
    try:
        table, checkpoints = mixed_table(given.rows, problem=given.problem), FolderCheckpoints(given.folder)
        learn(table, TASK, PLAN, pool=pool, checkpoints=checkpoints)
    finally:
        pool.close()
    print(steps.made, steps.had, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
