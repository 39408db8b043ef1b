"""One model measured where it is served: `python serving_one.py SYSTEM FOLDER`, in the system's own environment.

FOLDER holds train.csv, test.csv, task.json and, for athanor, model/. What is measured is printed as one line of JSON:
one row (median of many calls, as the system's users call it), many rows a second, bytes on disk, score on test.csv.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "2")

ONE_ROW_S, MOST_CALLS, BATCH_ROWS = 6.0, 2000, 100_000


def main() -> None:
    system, folder = sys.argv[1], Path(sys.argv[2])
    task = json.loads((folder / "task.json").read_text())
    measured = {"athanor": athanor, "lightgbm": lightgbm, "autogluon": autogluon}[system.partition(":")[0]]
    print(json.dumps({"system": system, **measured(system.partition(":")[2], folder, task)}))


def athanor(preset: str, folder: Path, task: dict) -> dict:
    """`predict_rows` with one dictionary, and `predict` with a table: what a server calls."""
    import csv

    from athanor.engine.fitting.learners import import_learners
    from athanor.engine.serving.predictor import Predictor
    from athanor.engine.tables.rows import rows_to_dataset

    del preset
    import_learners()
    started = time.perf_counter()
    model = Predictor.load(folder / "model")
    load_s = time.perf_counter() - started
    with (folder / "test.csv").open(newline="") as file:
        rows = [
            {name: cell or None for name, cell in row.items() if name != task["target"]} for row in csv.DictReader(file)
        ]
    for row in rows:  # as JSON brings them: numbers as numbers
        for column in model.schema.columns:
            cell = row.get(column.name)
            if cell is not None and column.storage.value in {"float", "integer"} and column.spelling is None:
                row[column.name] = float(cell)
    some = rows[:500]
    row_ms = one_row(lambda place: model.predict_rows([some[place % len(some)]]))
    table = rows_to_dataset((rows * (BATCH_ROWS // len(rows) + 1))[:BATCH_ROWS], model.schema)
    rows_per_s = many_rows(lambda n: model.predict(table.at(slice(0, n))))
    members = [(member.family, len(member.folds)) for member in model.members]
    return {
        "row_ms": row_ms,
        "rows_per_s": rows_per_s,
        "load_s": round(load_s, 2),
        "mb": size_mb(folder / "model"),
        "members": members,
        "n_features": len(model.schema.columns),
    }


def lightgbm(preset: str, folder: Path, task: dict) -> dict:
    """One booster with LightGBM's own defaults and early stopping, asked with an array."""
    import lightgbm as library
    import numpy as np

    del preset
    train, test = frames(folder, task)
    X, y = train.drop(columns=task["target"]), train[task["target"]]
    codes = y if task["task"] == "regression" else y.astype("category").cat.codes
    numbers = {name: X[name].cat.codes if X[name].dtype == "category" else X[name] for name in X}
    matrix = np.column_stack([numbers[name].to_numpy(np.float64) for name in X])
    objective = {"binary": "binary", "multiclass": "multiclass", "regression": "regression"}[task["task"]]
    params: dict[str, Any] = {"objective": objective, "num_threads": 2, "verbosity": -1}
    if objective == "multiclass":
        params["num_class"] = int(codes.max()) + 1
    rows = np.random.default_rng(0).permutation(len(matrix))
    to_fit, to_stop = rows[len(rows) // 10 :], rows[: len(rows) // 10]
    data = library.Dataset(matrix[to_fit], codes.to_numpy()[to_fit])
    valid = data.create_valid(matrix[to_stop], codes.to_numpy()[to_stop])
    booster = library.train(
        params, data, 2000, valid_sets=[valid], callbacks=[library.early_stopping(50, verbose=False)]
    )
    file = folder / "lightgbm.txt"
    booster.save_model(file)
    asked = np.column_stack(
        [(test[n].cat.codes if test[n].dtype == "category" else test[n]).to_numpy(np.float64) for n in X]
    )
    row_ms = one_row(lambda place: booster.predict(asked[place % len(asked)][None, :], num_threads=1))
    many = np.tile(asked, (BATCH_ROWS // len(asked) + 1, 1))[:BATCH_ROWS]
    rows_per_s = many_rows(lambda n: booster.predict(many[:n], num_threads=2))
    result = {"row_ms": row_ms, "rows_per_s": rows_per_s, "mb": size_mb(file), "trees": booster.num_trees()}
    return result | {"score": score(task["task"], codes, test[task["target"]], y, booster.predict(asked))}


def score(task: str, codes: Any, truth: Any, y: Any, answers: Any) -> float:
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    if task == "regression":
        return float(root_mean_squared_error(truth, answers))
    classes = list(y.astype("category").cat.categories)
    known = truth.isin(classes).to_numpy()
    places = [classes.index(cell) for cell in truth[known]]
    if task == "binary":
        return float(roc_auc_score(places, answers[known]))
    return float(log_loss(places, answers[known], labels=range(int(codes.max()) + 1)))


def autogluon(preset: str, folder: Path, task: dict) -> dict:
    """Persisted, as its documentation advises for online inference; asked with a data frame."""
    import pandas as pd
    from autogluon.tabular import TabularPredictor

    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[task["task"]]
    started = time.perf_counter()
    predictor = TabularPredictor(
        label=task["target"],
        eval_metric=metric,
        problem_type=task["task"],
        path=str(folder / "ag" / preset),
        verbosity=0,
    ).fit(train, presets=preset, time_limit=task["time"], num_cpus=2, dynamic_stacking=False)  # that one wants ray
    fit_s = time.perf_counter() - started
    predictor.persist()
    X = test.drop(columns=task["target"])
    ask = predictor.predict if task["task"] == "regression" else predictor.predict_proba
    row_ms = one_row(lambda place: ask(X.iloc[[place % len(X)]]))
    many = pd.concat([X] * (BATCH_ROWS // len(X) + 1)).head(BATCH_ROWS)
    rows_per_s = many_rows(lambda n: ask(many.head(n)))
    score = predictor.evaluate(test, silent=True)[metric]
    return {
        "row_ms": row_ms,
        "rows_per_s": rows_per_s,
        "mb": size_mb(folder / "ag" / preset),
        "fit_s": round(fit_s, 1),
        "score": abs(float(score)),
        "members": predictor.model_best,
    }


def frames(folder: Path, task: dict) -> tuple[Any, Any]:
    """Train and test, with texts as the categories of both."""
    import pandas as pd

    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    for name in train.columns:
        if name != task["target"] and not pd.api.types.is_numeric_dtype(train[name]):
            kinds = pd.CategoricalDtype(pd.concat([train[name], test[name]]).dropna().astype(str).unique())
            train[name], test[name] = train[name].astype(kinds), test[name].astype(kinds)
    return train, test


def one_row(ask: Callable[[int], Any]) -> float:
    """Median milliseconds of a call for one row."""
    for place in range(5):
        ask(place)
    times: list[float] = []
    until = time.perf_counter() + ONE_ROW_S
    while len(times) < MOST_CALLS and time.perf_counter() < until:
        started = time.perf_counter()
        ask(len(times))
        times.append(time.perf_counter() - started)
    return round(1000 * sorted(times)[len(times) // 2], 4)


def many_rows(ask: Callable[[int], Any]) -> float:
    """Rows a second: of so many that they take about a second or two, the better of two calls."""
    n_rows = 2000
    while True:
        started = time.perf_counter()
        ask(n_rows)
        seconds = time.perf_counter() - started
        if seconds > 0.5 or n_rows == BATCH_ROWS:
            break
        n_rows = min(4 * n_rows, BATCH_ROWS)
    started = time.perf_counter()
    ask(n_rows)
    return round(n_rows / min(seconds, time.perf_counter() - started))


def size_mb(folder: Path) -> float:
    files = [folder] if folder.is_file() else folder.rglob("*")
    return round(sum(path.stat().st_size for path in files if path.is_file()) / 2**20, 2)


if __name__ == "__main__":
    main()
