"""Write the golden models: small ones of every family, kept so that later versions go on reading what this one wrote.

    .venv/bin/python scripts/make_golden.py            all of them, in tests/golden/format-<n>/
    .venv/bin/python scripts/make_golden.py binary     one problem's

Beside each model stand `rows.json`, rows to ask it for, and `answers.json`, what it says to them, number by number as
hexadecimal text. Families whose library comes with an extra have models of their own, which are read where it is there.
Run it when the format gets a higher number, into a new folder, and leave the folders of earlier formats as they are:
they are the test that their models can still be read. While a format is not released, it may be run for that again.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from athanor.engine.certainty import Certainty, find_certainty
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.crossfit import CrossFitter, FoldFit
from athanor.engine.fitting.training_set import TrainingSet, make_training_set
from athanor.engine.models import FAMILIES, is_installed
from athanor.engine.plan import Plan
from athanor.engine.problems import PROBLEMS
from athanor.engine.serving.model_files import FORMAT
from athanor.engine.serving.predictor import Predictor
from athanor.engine.serving.predictor_files import write_predictor
from athanor.engine.tables.rows import rows_to_dataset
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task

GOLDEN = Path(__file__).parent.parent / "tests" / "golden" / f"format-{FORMAT}"
EXTRAS = frozenset({"catboost"})  # families whose library is not always installed
TARGET = "target"
N_ROWS, N_FOLDS, N_ASKED, MOST_STEPS = 120, 2, 20, 6
LEVEL = 0.9
# Options by which families are told how large a model may be, where they have them.
SMALL = {
    "nets": 2,
    "width": 8,
    "rounds": 8,
    "num_leaves": 8,
    "trees": 8,
    "least_trees": 4,
    "leaves": 100,
    "iterations": 8,
}
TARGETS = {"binary": Storage.STRING, "multiclass": Storage.INTEGER, "regression": Storage.FLOAT}
COLUMNS = (
    ColumnSchema(name="number", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
    ColumnSchema(name="code", type=ColumnType.NUMERIC, storage=Storage.INTEGER),
    ColumnSchema(name="flag", type=ColumnType.BOOLEAN, storage=Storage.BOOLEAN),
    ColumnSchema(name="colour", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
    ColumnSchema(name="when", type=ColumnType.DATETIME, storage=Storage.DATETIME),
    ColumnSchema(name="note", type=ColumnType.TEXT, storage=Storage.STRING),
    ColumnSchema(name="vector", type=ColumnType.VECTOR, storage=Storage.DENSE, dim=3),
)
WITH_TEXT = "binary"
WORDS = ("quick", "brown", "fox", "jumps", "over", "lazy", "dog")


def main(wanted: Sequence[str]) -> None:
    for problem in wanted or PROBLEMS.names():
        families = [name for name in FAMILIES.names() if problem in FAMILIES[name].problems]
        installed = [name for name in families if is_installed(FAMILIES[name])]
        write(GOLDEN / problem, problem, [name for name in installed if name not in EXTRAS])
        for name in EXTRAS.intersection(installed):
            write(GOLDEN / f"{problem}-{name}", problem, [name])
        for name in set(families) - set(installed):
            print(f"{problem}: {name} is not installed; its model stays as it was.", file=sys.stderr)


def write(place: Path, problem: str, families: Sequence[str]) -> None:
    """A model of these families with equal shares, and its answers, in the place of what is there."""
    rows = made_rows(problem)
    asked = [{name: row[name] for name in row if name != TARGET} for row in rows[:N_ASKED]] + odd_rows(rows)
    with TemporaryDirectory() as work:
        model = Path(work) / "model"
        model.mkdir()
        train(model, Path(work) / "folds", problem, families, rows)
        answers = told(Predictor.load(model), asked)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        shutil.copytree(model, place / "model")
    (place / "rows.json").write_text(json.dumps(asked, indent=1) + "\n")
    (place / "answers.json").write_text(json.dumps(answers, indent=1) + "\n")
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(f"{place}: {', '.join(families)}; {size / 1000:.0f} kB")


def made_rows(problem: str) -> list[dict[str, Any]]:
    """Rows of every kind of column, with cells that are missing, and a target that some of them decide."""
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    for _ in range(N_ROWS):
        number, flag, colour = float(rng.normal()), bool(rng.integers(2)), ("red", "green", "blue")[rng.integers(3)]
        signal = 2 * number + flag + (colour == "red") + 0.3 * float(rng.normal())
        day, second = int(rng.integers(1, 29)), int(rng.integers(60))
        target: Any = {
            "binary": "yes" if signal > 1 else "no",
            "multiclass": int(np.digitize(signal, [-0.5, 1.0, 2.5])),
            "regression": 100 + 10 * signal,
        }[problem]
        rows.append(
            {
                "number": None if rng.random() < 0.1 else number,
                "code": 1000 * int(rng.integers(20)),
                "flag": flag,
                "colour": None if rng.random() < 0.1 else colour,
                "when": f"2024-{int(rng.integers(1, 13)):02}-{day:02}T05:06:{second:02}",
                "note": " ".join(WORDS[place] for place in rng.integers(len(WORDS), size=4)),
                "vector": [round(float(cell), 3) for cell in rng.normal(size=3)],
                TARGET: target,
            }
        )
    return rows


def odd_rows(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows unlike those of the training: nothing known, a colour that nobody saw, numbers far away."""
    vector = rows[0]["vector"]
    return [
        {"vector": vector},
        {"vector": vector, "colour": "violet", "note": "Wizards brew POTIONS"},
        {"vector": [1e6, -1e6, 0.0], "number": 1e9, "code": -5, "when": "1970-01-01T00:00:00"},
    ]


def train(model: Path, folds: Path, problem: str, families: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Each family's first configuration, made small and ended after a few steps, in all folds."""
    target = ColumnSchema(name=TARGET, type=ColumnType.CATEGORICAL, storage=TARGETS[problem])
    # A text becomes thousands of features for some families: one problem has it.
    columns = [column for column in COLUMNS if column.type is not ColumnType.TEXT or problem == WITH_TEXT]
    dataset = rows_to_dataset(rows, Schema((*columns, target)))
    given = make_training_set(dataset, Task(target=TARGET, problem=problem), Plan(preset="fast"))
    store, steps = FolderCheckpoints(folds), Steps()
    fitter = CrossFitter(given, store, closing=steps.are_enough)
    for name in families:
        for fold in range(N_FOLDS):
            steps.n = 0
            asked = FAMILIES[name].portfolio()[0]
            options = {**asked, **{key: min(asked[key], most) for key, most in SMALL.items() if key in asked}}
            fitter.fit(FoldFit(trial=name, family=name, options=options, fold=fold, seed=7))
    write_predictor(
        model,
        store,
        task=given.task,
        schema=given.features.schema,
        classes=given.truth.classes,
        score=None,
        shares=dict.fromkeys(families, 1 / len(families)),
        records=store.finished(),
        certainty=certainty(given, store, families),
    )


def certainty(given: TrainingSet, store: FolderCheckpoints, families: Sequence[str]) -> Certainty:
    """What the answers to rows that were not seen tell of the model."""
    answers = []
    for name in families:
        margins = np.empty((len(given.truth.y), given.problem.n_margins(given.truth)))
        for fold in range(N_FOLDS):
            margins[given.validated(fold)] = store.out_of_fold(name, fold)
        answers.append(given.problem.predictions(margins, given.truth.classes))
    blended = given.problem.blend(answers, np.full(len(families), 1 / len(families)))
    score = float(given.metric.score(given.truth, blended))
    return find_certainty(blended, given.truth, given.metric, score=score, seed=7)


class Steps:
    """Ends a fit after a few steps: golden models are small."""

    n = 0

    def are_enough(self) -> bool:
        self.n += 1
        return self.n > MOST_STEPS


def told(predictor: Predictor, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The answers as text that loses no bit, and the processor they were computed on, as the libraries see it."""
    answers = predictor.predict_rows(rows, level=LEVEL)
    numbers = answers.values if answers.probabilities is None else answers.probabilities
    bounds = None if answers.lower is None or answers.upper is None else np.stack((answers.lower, answers.upper), 1)
    shares = [[one.column, one.component, float(one.share).hex()] for one in predictor.importance()]
    return {
        "processor": processor(),
        "labels": answers.labels() if answers.probabilities is not None else None,
        "numbers": hexadecimal(numbers),
        "level": LEVEL,
        "bounds": None if bounds is None else hexadecimal(bounds),
        "sets": None if answers.sets is None else answers.sets.tolist(),
        "importance": shares,
    }


def hexadecimal(numbers: Any) -> list[list[str]]:
    return [[float(number).hex() for number in np.atleast_1d(row)] for row in np.asarray(numbers)]


def processor() -> list[str]:
    """What decides which of their loops numpy's and scipy's linear algebra take: others differ in the last bit."""
    return sorted({str(library["architecture"]) for library in threadpool_info() if "architecture" in library})


if __name__ == "__main__":
    with threadpool_limits(limits=1):  # as in every process of Athanor
        main(sys.argv[1:])
