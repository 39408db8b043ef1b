"""What the machinery costs: `learn` on one configuration beside plain LightGBM on the same folds, as a ratio.

Plain is what a person would write: one matrix of the table, and for each fold the rows to fit, to stop by and to
predict taken from it, all in one process and one thread. `learn` has one pool process, which is there and has fitted
before; it reads the table, makes views, fits, keeps each fold durable, saves the model and scores it by every metric.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from athanor.engine import memory
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.fold_parts import PartsMaker
from athanor.engine.fitting.training_set import TrainingSet, make_training_set
from athanor.engine.learn import learn
from athanor.engine.models import lightgbm as family
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import LocalPool
from athanor.engine.schedule import entries
from athanor.engine.seeds import seed_for
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task

SIZES, N_FEATURES, TIMES = (2_000, 50_000, 300_000), 20, 3
TASK = Task(target="y")
PLAN = Plan(max_trials=1, time_limit_s=None, excluded_families=("linear",), cores=1)
OPTIONS = {"rounds": 2000, "learning_rate": 0.05, "num_leaves": 31, "feature_fraction": 0.7}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=list(SIZES))
    given = parser.parse_args()
    family._PORTFOLIO = (OPTIONS,)  # noqa: SLF001 - a portfolio of one, so that both sides fit the same
    pool = LocalPool(1)
    try:
        by_learn(a_table(500), pool)
        print(f"{'rows':>9}  {'folds':>5}  {'trees':>6}  {'plain':>8}  {'learn':>8}  ratio  of CPU time")
        for n_rows in given.rows:
            compare(a_table(n_rows), pool)
    finally:
        pool.close()


def compare(table: Dataset, pool: LocalPool) -> None:
    training_set = make_training_set(table, TASK, PLAN)
    runs: list[tuple[Cost, Cost]] = []
    for _ in range(TIMES):
        plain, boosters = measured(lambda: by_hand(table, training_set))
        learned, n_trees = measured(lambda: by_learn(table, pool))
        if n_trees != [booster.num_trees() for booster in boosters]:
            raise SystemExit(f"The two fitted other trees: {n_trees}, {[each.num_trees() for each in boosters]}.")
        runs.append((plain, learned))

    def median(of: Callable[[Cost, Cost], float]) -> float:
        return statistics.median(of(plain, learned) for plain, learned in runs)

    print(
        f"{table.n_rows:>9,}  {training_set.n_folds:>5}  {sum(n_trees):>6}  "
        f"{median(lambda plain, _: plain.seconds):6.2f} s  {median(lambda _, learned: learned.seconds):6.2f} s  "
        f"{median(lambda plain, learned: learned.seconds / plain.seconds):5.2f}  "
        f"{median(lambda plain, learned: learned.cpu_s / plain.cpu_s):9.2f}",
        flush=True,
    )


@dataclass(frozen=True)
class Cost:
    """Seconds by the wall, and of processor time in this process and all below it."""

    seconds: float
    cpu_s: float


def measured(work: Callable[[], Any]) -> tuple[Cost, Any]:
    before, started = cpu_times(), time.perf_counter()
    done = work()
    seconds, after = time.perf_counter() - started, cpu_times()
    return Cost(seconds, sum(spent - before.get(pid, 0.0) for pid, spent in after.items())), done


def cpu_times() -> dict[int, float]:
    found = {}
    for pid in (os.getpid(), *memory.descendants(os.getpid())):
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        found[pid] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return found


def by_learn(table: Dataset, pool: LocalPool) -> list[int]:
    """Trees of each fold's model."""
    with TemporaryDirectory() as folder:
        store = FolderCheckpoints(Path(folder))
        learn(table, TASK, PLAN, pool=pool, checkpoints=store)
        models = [store.model_folder(record.trial, record.fold) for record in store.finished()]
        return [(model / family.MODEL_FILE).read_text().count("\nTree=") for model in models]


def by_hand(table: Dataset, given: TrainingSet) -> list[lightgbm.Booster]:
    X = np.column_stack([table[name].values for name in given.features.schema.names]).astype(np.float32)
    y = table["y"].values
    (entry,) = entries("binary", PLAN, is_sparse=False)
    boosters = []
    for fold in range(given.n_folds):
        fit, stop = rows_of(given, fold)
        params = parameters(len(fit), seed_for(PLAN.seed, entry.trial, fold))
        train = lightgbm.Dataset(X[fit], label=y[fit], params=params)
        booster = lightgbm.Booster(params, train)
        booster.add_valid(train.create_valid(X[stop], label=y[stop], params=params), "valid")
        best, best_loss = 1, np.inf
        for done in range(1, OPTIONS["rounds"] + 1):
            booster.update()
            loss = booster.eval_valid()[0][2]
            if loss < best_loss:
                best, best_loss = done, loss
            if done - best > 30 + done // 10:
                break
        booster = lightgbm.Booster(model_str=booster.model_to_string(num_iteration=best))
        booster.predict(X[given.folds == fold], num_threads=1)
        boosters.append(booster)
    return boosters


def rows_of(given: TrainingSet, fold: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows to fit and to stop by that a run takes."""
    maker = PartsMaker(given, FolderCheckpoints.__new__(FolderCheckpoints))
    return maker.rows_of(fold, seed=PLAN.seed, max_rows=None)


def parameters(n_rows: int, seed: int) -> dict[str, Any]:
    options = {name: value for name, value in OPTIONS.items() if name != "rounds"}
    least = {"min_data_in_leaf": min(20, max(1, n_rows // 20)), "min_data_per_group": min(100, max(1, n_rows // 20))}
    objective = {"objective": "binary", "metric": "binary_logloss", "seed": seed % 2**31}
    return {**family._ALWAYS, **options, **objective, **least}  # noqa: SLF001


def a_table(n_rows: int) -> Dataset:
    rng = np.random.default_rng(n_rows)
    values = rng.normal(size=(N_FEATURES, n_rows))
    signal = values[0] + 0.7 * values[1] * values[2] - np.abs(values[3]) + rng.normal(size=n_rows)
    numbers = [ColumnSchema(name=f"x{place}", type=ColumnType.NUMERIC, storage=Storage.FLOAT) for place in range(20)]
    target = ColumnSchema(name="y", type=ColumnType.BOOLEAN, storage=Storage.BOOLEAN)
    columns = {column.name: Numbers(cells) for column, cells in zip(numbers, values, strict=True)}
    return Dataset(Schema((*numbers, target)), {**columns, "y": Numbers((signal > 0).astype(float))}, n_rows)


if __name__ == "__main__":
    main()
