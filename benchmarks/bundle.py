"""Every binary, multiclass and regression set of a bundle, by `athanor train` and `athanor predict` at one budget.

The bundle is the folder `data` below ATHANOR_SHARED; its `tabular.json` lists the sets: name, task, target, `file` or
`train_file` and `test_file`, and columns to `drop`. Where there is no test file, a quarter of the rows, drawn with a
fixed seed, is held out. Each result is a line of JSON in --out; sets that are there already are not run again.

--family trains one family alone; --families prints the table of all families in --out, side by side.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from athanor.engine.models import FAMILIES
from processes import ATHANOR, Watched, watch

METRICS = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
HOLDOUT, SEED = 0.25, 20_240_601


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--time", type=int, default=30, help="seconds per training")
    parser.add_argument("--out", type=Path, default=Path("bundle.jsonl"), help="JSON lines to append to")
    parser.add_argument("--only", nargs="+", help="names of sets")
    parser.add_argument(
        "--family", nargs="+", default=[""], help="each of these families alone; all: one after the other"
    )
    parser.add_argument("--families", action="store_true", help="only print the table of the families in --out")
    parser.add_argument("--table", action="store_true", help="only print the table of what is in --out")
    given = parser.parse_args()
    if given.families:
        return print_families(given.out, given.time)
    if not given.table:
        root = os.environ.get("ATHANOR_SHARED")
        if not root:
            sys.exit("ATHANOR_SHARED must name the folder that holds data/tabular.json.")
        run_all(Path(root) / "data", given)
    return print_table(given.out, given.time)


def run_all(data: Path, given: argparse.Namespace) -> None:
    done = {(result["name"], result["limit"], result.get("family", "")) for result in read_results(given.out)}
    families = FAMILIES.names() if given.family == ["all"] else given.family
    for entry in json.loads((data / "tabular.json").read_text()):
        if entry["task"] not in METRICS or (given.only and entry["name"] not in given.only):
            continue
        for family in families:
            if (entry["name"], given.time, family) in done:
                continue
            result = run_one(data, entry, given.time, family)
            print(json.dumps(result), file=sys.stderr, flush=True)
            with given.out.open("a") as lines:
                lines.write(json.dumps(result) + "\n")


def run_one(data: Path, entry: dict, limit: int, family: str = "") -> dict:
    with TemporaryDirectory() as name:
        folder = Path(name)
        head, train, test = split(data, entry)
        write_rows(folder / "train.csv", head, train)
        write_rows(folder / "test.csv", head, test)
        target, metric = entry["target"], METRICS[entry["task"]]
        command = [*ATHANOR, "train", "train.csv", "--target", target, "--problem", entry["task"], "--metric", metric]
        command += ["--time", str(limit), "--out", "model"]
        command += [word for column in entry.get("drop", ()) for word in ("--exclude", column)]
        others = [name for name in FAMILIES.names() if family and name != family]
        command += [word for name in others for word in ("--without", name)]
        trained = watch(command, cwd=folder)
        result = {"name": entry["name"], "task": entry["task"], "metric": metric, "limit": limit, "family": family}
        result |= {"n_train": len(train), "n_test": len(test), "status": trained.status}
        result |= {"train_s": round(trained.seconds, 2), "over_s": round(trained.seconds - limit, 2)}
        result |= {"first_model_s": trained.first("Model on disk"), "peak_mb": round(trained.peak_bytes / 2**20)}
        if trained.status != 0:
            return result | {"error": trained.err[-2000:]}
        command = [*ATHANOR, "predict", "model", "test.csv", "--out", "predictions.csv"]
        command += [] if entry["task"] == "regression" else ["--proba"]
        predicted = watch(command, cwd=folder)
        result |= {"status": predicted.status, "predict_s": round(predicted.seconds, 2)}
        result |= {"predict_peak_mb": round(predicted.peak_bytes / 2**20)}
        if predicted.status != 0:
            return result | {"error": predicted.err[-2000:]}
        truth = [row[head.index(target)] for row in test]
        result["score"] = score(entry["task"], truth, folder / "predictions.csv")
        return result | {"validation_score": validation_score(trained)}


def split(data: Path, entry: dict) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Head, rows to train on, rows to test on. Rows without a target are in neither."""
    if "file" not in entry:
        head, train = read_rows(data / entry["train_file"], entry["target"])
        _, test = read_rows(data / entry["test_file"], entry["target"])
        return head, train, test
    head, rows = read_rows(data / entry["file"], entry["target"])
    places = list(range(len(rows)))
    random.Random(SEED).shuffle(places)
    held_out = set(places[: round(HOLDOUT * len(rows))])
    train = [row for place, row in enumerate(rows) if place not in held_out]
    return head, train, [row for place, row in enumerate(rows) if place in held_out]


def read_rows(path: Path, target: str) -> tuple[list[str], list[list[str]]]:
    with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
        head, *rows = csv.reader(file)
    return head, [row for row in rows if row[head.index(target)] != ""]


def write_rows(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def score(task: str, truth: list[str], predictions: Path) -> float:
    """By scikit-learn, which shares no code with what is measured."""
    import numpy as np
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    with predictions.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != len(truth):
        raise SystemExit(f"{len(truth)} rows were asked for and {len(rows)} answered.")
    if task == "regression":
        return float(
            root_mean_squared_error([float(cell) for cell in truth], [float(row["prediction"]) for row in rows])
        )
    classes = [name.removeprefix("proba_") for name in rows[0] if name.startswith("proba_")]
    chances = np.array([[float(row[f"proba_{name}"]) for name in classes] for row in rows])
    places = {plain(name): place for place, name in enumerate(classes)}
    codes = np.array([places.get(plain(cell), -1) for cell in truth])
    known = codes >= 0  # a class that no training row has
    if task == "binary":
        return float(roc_auc_score(codes[known], chances[known, 1]))
    return float(log_loss(codes[known], chances[known], labels=range(len(classes))))


def plain(label: str) -> str:
    """A label as the reader may have spelled it: booleans in lower case."""
    return label.lower() if label.lower() in {"true", "false"} else label


def validation_score(trained: Watched) -> float:
    """The out-of-fold score that the training printed in its first line."""
    return float(trained.out.split(",", maxsplit=1)[0].split()[-1])


def read_results(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def print_table(path: Path, limit: int) -> int:
    results = [each for each in read_results(path) if each["limit"] == limit and not each.get("family")]
    print("| set | metric | out-of-fold | test | train s | over s | first model s | predict s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for result in results:
        if "score" not in result:
            print(f"| {result['name']} | {result['metric']} | FAILED | {result['error'].splitlines()[-1]} | | | | | |")
            continue
        print(
            f"| {result['name']} | {result['metric']} | {result['validation_score']:.5g} | {result['score']:.5g} "
            f"| {result['train_s']:.1f} | {result['over_s']:+.1f} | {result['first_model_s']:.1f} "
            f"| {result['predict_s']:.1f} | {result['peak_mb']} |"
        )
    bad = [r["name"] for r in results if "score" not in r or r["over_s"] > max(2.0, 0.01 * limit)]
    print(f"\n{len(results)} sets, failed or over the limit: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


def print_families(path: Path, limit: int) -> int:
    """Each family alone, and all together: the score on held-out rows, and seconds until all was fitted."""
    found = {(each["name"], each.get("family", "")): each for each in read_results(path) if each["limit"] == limit}
    columns = ["", *sorted({family for _, family in found} - {""})]
    print("| set | metric | " + " | ".join(family or "together" for family in columns) + " |")
    print("|---|---" + "|---" * len(columns) + "|")
    for name in dict.fromkeys(name for name, _ in found):
        cells = [_cell(found.get((name, family))) for family in columns]
        metric = next(each["metric"] for (of, _), each in found.items() if of == name)
        print(f"| {name} | {metric} | " + " | ".join(cells) + " |")
    bad = [f"{name} {family or 'together'}" for (name, family), each in found.items() if "score" not in each]
    print(f"\n{len(found)} trainings, failed: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


def _cell(result: dict | None) -> str:
    if result is None:
        return ""
    return f"{result['score']:.4g} ({result['train_s']:.0f} s)" if "score" in result else "FAILED"


if __name__ == "__main__":
    sys.exit(main())
