"""What a preset costs where it is served: one row in process and over HTTP, many rows, bytes on disk, the score.

Each preset is trained by a real server and deployed there; the same model is then measured in a process of its own.
Beside it one LightGBM model and, with --peer PYTHON (an interpreter that has it), AutoGluon on the same rows with the
same time. The sets are those of `bundle.py`, below ATHANOR_SHARED; each result is a line of JSON in --out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import bundle
import predict_http

PRESETS = ("best_quality", "high_quality", "good_quality", "medium_quality", "fast")
PEERS = ("autogluon:best_quality", "autogluon:medium_quality")
HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", nargs="+", default=["adult", "higgs_small", "california_housing"])
    parser.add_argument("--presets", nargs="*", default=PRESETS)
    parser.add_argument("--time", type=int, default=60, help="seconds per training")
    parser.add_argument("--peer", type=Path, help="a Python interpreter that has AutoGluon")
    parser.add_argument("--out", type=Path, default=Path("serving.jsonl"), help="JSON lines to append to")
    parser.add_argument("--table", action="store_true", help="only print the table of what is in --out")
    given = parser.parse_args()
    if not given.table:
        root = os.environ.get("ATHANOR_SHARED")
        if not root:
            sys.exit("ATHANOR_SHARED must name the folder that holds data/tabular.json.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        data = Path(root) / "data"
        for entry in json.loads((data / "tabular.json").read_text()):
            if entry["name"] in given.sets:
                run_set(data, entry, given)
    print_table(given.out)
    return 0


def run_set(data: Path, entry: dict, given: argparse.Namespace) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        head, train, test = bundle.split(data, entry)
        kept = [place for place, column in enumerate(head) if column not in entry.get("drop", ())]
        for file, rows in (("train.csv", train), ("test.csv", test)):
            bundle.write_rows(folder / file, [head[p] for p in kept], [[row[p] for p in kept] for row in rows])
        task = {"task": entry["task"], "target": entry["target"], "time": given.time}
        (folder / "task.json").write_text(json.dumps(task))
        truth = [row[head.index(entry["target"])] for row in test]
        for preset in given.presets:
            keep(given.out, entry, ours(folder, task, preset, truth))
        keep(given.out, entry, apart(sys.executable, "lightgbm", folder))
        for peer in PEERS if given.peer else ():
            keep(given.out, entry, apart(str(given.peer), peer, folder))
            shutil.rmtree(folder / "ag", ignore_errors=True)


def ours(folder: Path, task: dict, preset: str, truth: list[str]) -> dict:
    """Train on a server of its own, ask it over HTTP, then measure the model that it kept."""
    os.environ |= {"ATHANOR_RATE_PER_MINUTE": "1000000", "ATHANOR_RATE_BURST": "1000000"}
    sys.path.insert(0, str(HERE.parent / "examples"))
    import first_run

    shutil.rmtree(folder / "model", ignore_errors=True)
    with TemporaryDirectory() as name:
        data = Path(name)
        key = first_run.make_key(data)
        with first_run.a_server(data, first_run.free_port(8000)) as address:
            api = first_run.Api(address, key)
            dataset = api.upload("/v1/datasets", folder / "train.csv")
            plan = {"time_limit_s": task["time"], "preset": preset}
            metric = bundle.METRICS[task["task"]]
            asked = {"dataset": dataset["id"], "target": task["target"], "problem": task["task"], "metric": metric}
            run = api.post("/v1/runs", {**asked, "plan": plan})
            job = f"aml_{run['id'].replace('-', '').removeprefix('run_')}"
            first_run.watch(api, job)
            model = api.post(f"/api/v1/automl/jobs/{job}/deploy")
            path = f"/api/v1/model-registry/models/{model['modelId']}/predict"
            with (folder / "test.csv").open() as file:
                names, cells = (line.rstrip("\n").split(",") for line in (file.readline(), file.readline()))
            row = {n: _plain(cell) for n, cell in zip(names, cells, strict=True) if n != task["target"]}
            times: list[float] = []
            predict_http.ask(address, path, key, json.dumps({"input_data": row}).encode(), count=50, times=[])
            predict_http.ask(address, path, key, json.dumps({"input_data": row}).encode(), count=500, times=times)
        newest = max(data.rglob("model.json"), key=lambda place: place.stat().st_mtime)
        shutil.copytree(newest.parent, folder / "model")
    result = apart(sys.executable, f"athanor:{preset}", folder)
    command = [*bundle.ATHANOR, "predict", "model", "test.csv", "--out", "answers.csv"]
    command += [] if task["task"] == "regression" else ["--proba"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    score = bundle.score(task["task"], truth, folder / "answers.csv")
    return {**result, "http_ms": round(1000 * sorted(times)[len(times) // 2], 3), "score": score}


def _plain(cell: str) -> float | str | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def apart(python: str, system: str, folder: Path) -> dict:
    """Measured by `serving_one.py`."""
    command = [python, str(HERE / "serving_one.py"), system, str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        return {"system": system, "error": ended.stderr[-2000:]}
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def keep(out: Path, entry: dict, result: dict) -> None:
    whole = {"set": entry["name"], "metric": bundle.METRICS[entry["task"]], **result}
    print(json.dumps(whole), file=sys.stderr, flush=True)
    with out.open("a") as lines:
        lines.write(json.dumps(whole) + "\n")


def print_table(out: Path) -> None:
    print("| set | system | score | one row ms | over HTTP ms | rows/s | MB on disk | models |")
    print("|---|---|---|---|---|---|---|---|")
    for each in bundle.read_results(out):
        if "error" in each:
            print(f"| {each['set']} | {each['system']} | FAILED | {each['error'].splitlines()[-1]} | | | | |")
            continue
        http = f"{each['http_ms']:.2f}" if "http_ms" in each else ""
        score = f"{each['score']:.5g}" if "score" in each else ""
        members = each.get("members", "")
        models = sum(folds for _, folds in members) if isinstance(members, list) else members
        print(
            f"| {each['set']} | {each['system']} | {score} | {each['row_ms']:.3f} | {http} | {each['rows_per_s']:,} "
            f"| {each['mb']:.1f} | {models} |"
        )


if __name__ == "__main__":
    sys.exit(main())
