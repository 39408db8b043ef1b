"""Whether a model's numbers about itself come true, on rows of a bundle's tables that were held out.

Each run learns from a random 40 % of a table's rows and is asked about the others: how many true values lie in the
intervals (and true classes in the sets) of a level, whether the held-out score lies in the leaderboard's 95 % interval,
and how true probabilities are before and after calibration.

The bundle is the folder `data` below ATHANOR_SHARED, as for `bundle.py`. Each run is a line of JSON in --out; runs that
are there already are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
LEVEL = 0.9
BINS = 15  # of equal size, for the expected calibration error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7, help="runs per table")
    parser.add_argument("--time", type=float, default=15, help="seconds per training")
    parser.add_argument("--trials", type=int, help="trials per training, in place of seconds")
    parser.add_argument("--preset", default="best_quality")
    parser.add_argument("--rows", type=int, default=20_000, help="rows taken of a table, at most")
    parser.add_argument(
        "--metric", help="in place of roc_auc, log_loss and rmse; tables that it is not for are left out"
    )
    parser.add_argument("--out", type=Path, default=Path("honest.jsonl"), help="JSON lines to append to")
    parser.add_argument("--only", nargs="+", help="names of tables")
    parser.add_argument("--table", action="store_true", help="only print the table of what is in --out")
    given = parser.parse_args()
    if not given.table:
        root = os.environ.get("ATHANOR_SHARED")
        if not root:
            sys.exit("ATHANOR_SHARED must name the folder that holds data/tabular.json.")
        run_all(Path(root) / "data", given)
    print_table(read_results(given.out))
    return 0


def run_all(data: Path, given: argparse.Namespace) -> None:
    from athanor.engine.metrics import METRICS as KNOWN
    from athanor.errors import AthanorError

    done = {(result["name"], result["seed"]) for result in read_results(given.out)}
    for seed in range(given.runs):
        for entry in json.loads((data / "tabular.json").read_text()):
            metric = given.metric or METRICS.get(entry["task"])
            if metric is None or entry["task"] not in KNOWN[metric].problems or (entry["name"], seed) in done:
                continue
            if given.only and entry["name"] not in given.only:
                continue
            try:
                result = run_one(data, entry, metric, seed, given)
            except AthanorError as error:  # as where there was no time for a model
                result = {"name": entry["name"], "task": entry["task"], "seed": seed, "error_told": str(error)}
            print(json.dumps(result), file=sys.stderr, flush=True)
            with given.out.open("a") as lines:
                lines.write(json.dumps(result) + "\n")


def run_one(data: Path, entry: dict, metric: str, seed: int, given: argparse.Namespace) -> dict:
    from athanor.engine.certainty import Certainty
    from athanor.engine.evaluation import truth_in
    from athanor.engine.learn import learn
    from athanor.engine.metrics import METRICS as KNOWN
    from athanor.engine.plan import Plan
    from athanor.engine.task import Task

    train, held_out = split(data / entry.get("file", entry.get("train_file")), entry, seed, given.rows)
    plan = Plan(
        time_limit_s=None if given.trials else given.time, max_trials=given.trials, preset=given.preset, seed=seed
    )
    task = Task(target=entry["target"], problem=entry["task"], metric=metric, excluded=tuple(entry.get("drop", ())))
    found = learn(train, task, plan)
    predictor = found.predictor
    rows, truth = truth_in(held_out, predictor.task, predictor.classes)
    if predictor.classes:  # labels that no training row has
        known = truth.y < len(predictor.classes)
        rows, truth = rows[known], replace(truth.take(np.flatnonzero(known)), classes=predictor.classes)
    served = predictor.predict(held_out, level=LEVEL).take(rows)
    plain = replace(predictor, certainty=Certainty()).predict(held_out).take(rows)
    certainty = predictor.certainty
    result = {"name": entry["name"], "task": entry["task"], "metric": metric, "seed": seed, "n_train": train.n_rows}
    result |= {"n_held_out": len(rows), "members": len(predictor.members), "said": predictor.score}
    result["held_out"] = KNOWN[metric].score(truth, served)
    result["held_out_plain"] = KNOWN[metric].score(truth, plain)
    if certainty.uncertainty is not None:
        lower, upper = certainty.uncertainty.lower, certainty.uncertainty.upper
        result |= {"error": certainty.uncertainty.error, "holds": lower <= result["held_out"] <= upper}
    result["threshold"] = None if certainty.threshold is None else certainty.threshold.value
    if served.lower is not None:
        result["covered"] = float(((served.lower <= truth.y) & (truth.y <= served.upper)).mean())
        result["width"] = float((served.upper - served.lower).mean() / truth.y.std())
        order = np.argsort(served.values, kind="stable")  # by fifths of the predicted values
        inside = ((served.lower <= truth.y) & (truth.y <= served.upper))[order]
        result["covered_by_fifth"] = [float(part.mean()) for part in np.array_split(inside, 5)]
    if served.sets is not None:
        codes = truth.y.astype(int)
        result["covered"] = float(served.sets[np.arange(len(codes)), codes].mean())
        result["width"] = float(served.sets.sum(axis=1).mean())
        result["calibration"] = None if certainty.calibration is None else certainty.calibration.method
        for name, answers in (("before", plain), ("after", served)):
            result[f"ece_{name}"] = calibration_error(answers.probabilities, codes)
            result[f"log_loss_{name}"] = KNOWN["log_loss"].score(truth, answers)
    return result


def split(path: Path, entry: dict, seed: int, most: int):
    """40 % of the rows to learn from and the others, drawn by the seed. Rows without a target are in neither."""
    from athanor.engine.readers import read
    from athanor.engine.tables.frames import to_dataset

    table = read(path)
    dataset = to_dataset(table.frame, table.schema)
    rows = np.flatnonzero(~dataset[entry["target"]].missing())
    rows = np.random.default_rng(seed).permutation(rows)[:most]
    cut = round(0.4 * len(rows))
    return dataset.take(np.sort(rows[:cut])), dataset.take(np.sort(rows[cut:]))


def calibration_error(probabilities: np.ndarray, codes: np.ndarray) -> float:
    """Mean gap between how sure the answers are of the most likely class and how often it is right, in equal bins."""
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == codes
    order = np.argsort(sure, kind="stable")
    bins = np.array_split(order, BINS)
    return float(
        sum(abs(right[part].mean() - sure[part].mean()) * len(part) for part in bins if len(part)) / len(codes)
    )


def read_results(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def print_table(results: list[dict]) -> None:
    by_set = defaultdict(list)
    failed = [result for result in results if "error_told" in result]
    results = [result for result in results if "error_told" not in result]
    for result in results:
        by_set[result["name"]].append(result)
    print(
        "| set | runs | rows | metric | said | held out | in its interval | covered at 90 % | width | ECE | log loss |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, runs in by_set.items():
        held = [run["holds"] for run in runs if "holds" in run]
        row = [name, str(len(runs)), f"{runs[0]['n_train']:,}", runs[0]["metric"]]
        row += [f"{mean(runs, 'said'):.4g}", f"{mean(runs, 'held_out'):.4g}", f"{sum(held)} of {len(held)}"]
        row += [f"{mean(runs, 'covered'):.3f}", f"{mean(runs, 'width'):.2f}"]
        for kind in ("ece", "log_loss"):
            is_there = f"{kind}_before" in runs[0]
            row.append(f"{mean(runs, kind + '_before'):.4f} -> {mean(runs, kind + '_after'):.4f}" if is_there else "-")
        print(f"| {' | '.join(row)} |")
    held = [run["holds"] for run in results if "holds" in run]
    for result in failed:
        print(f"{result['name']}, seed {result['seed']}: {result['error_told']}")
    print(f"\nScore in its interval: {sum(held)} of {len(held)} runs.")
    covered = [run["covered"] for run in results if run["task"] == "regression" and "covered" in run]
    if covered:
        print(f"Values in their interval: {np.mean(covered):.3f} on average, {min(covered):.3f} to {max(covered):.3f}.")


def mean(runs: list[dict], name: str) -> float:
    return float(np.mean([run[name] for run in runs if run.get(name) is not None]))


if __name__ == "__main__":
    sys.exit(main())
