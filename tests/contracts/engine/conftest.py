"""A small table with every kind of column, targets for every problem, and fits of a family."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.family import FitInput
from athanor.engine.features import VIEWS
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES, neural
from athanor.engine.predictions import Truth
from athanor.engine.problems import PROBLEMS
from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

WORDS = ["quick", "brown", "fox", "jumps", "over", "lazy", "dog", "7", "Wizards", "brew", "POTIONS"]


def every_kind(n_rows: int = 400, *, seed: int = 3, with_sparse: bool = False) -> Dataset:
    """Columns of every type, missing cells where a column can have them."""
    rng = np.random.default_rng(seed)

    def holed(values, hole, share=0.1):
        values = values.copy()
        values[rng.random(n_rows) < share] = hole
        return values

    def words(cells, share=0.1):
        return Words.of(
            [None if lucky < share else str(cell) for cell, lucky in zip(cells, rng.random(n_rows), strict=True)]
        )

    days = np.datetime64("2024-02-27T05:06:07", "us") + rng.integers(0, 10**13, n_rows).astype("timedelta64[us]")
    columns = {
        "number": (Numbers(holed(rng.normal(size=n_rows), np.nan)), ColumnType.NUMERIC, Storage.FLOAT),
        "skewed": (Numbers(np.exp(4 * rng.normal(size=n_rows))), ColumnType.NUMERIC, Storage.FLOAT),
        "code": (Numbers(1000.0 * rng.integers(0, 40, n_rows)), ColumnType.NUMERIC, Storage.INTEGER),
        "flag": (Numbers(rng.integers(0, 2, n_rows).astype(float)), ColumnType.BOOLEAN, Storage.BOOLEAN),
        "colour": (words(rng.choice(["red", "green", "blue"], n_rows)), ColumnType.CATEGORICAL, Storage.STRING),
        "city": (words(rng.zipf(1.3, n_rows) % 300), ColumnType.CATEGORICAL, Storage.STRING),
        "grade": (Numbers(holed(rng.integers(1, 5, n_rows) / 2, np.nan)), ColumnType.CATEGORICAL, Storage.FLOAT),
        "when": (Times(holed(days, np.datetime64("NaT"))), ColumnType.DATETIME, Storage.DATETIME),
        "note": (words([" ".join(rng.choice(WORDS, 6)) for _ in range(n_rows)]), ColumnType.TEXT, Storage.STRING),
        "vector": (Vectors(rng.normal(size=(n_rows, 3)).astype(np.float32)), ColumnType.VECTOR, Storage.DENSE),
        "key": (Words.of([f"k{row}" for row in range(n_rows)]), ColumnType.ID, Storage.STRING),
        "same": (Numbers(np.ones(n_rows)), ColumnType.CONSTANT, Storage.FLOAT),
    }
    if with_sparse:
        matrix = sparse.random(n_rows, 30, density=0.1, format="csr", dtype=np.float32, random_state=seed)
        columns["sparse"] = (Vectors(matrix), ColumnType.VECTOR, Storage.SPARSE)
    schema = Schema(
        tuple(ColumnSchema(name=name, type=kind, storage=storage) for name, (_, kind, storage) in columns.items())
    )
    return Dataset(schema, {name: column for name, (column, _, _) in columns.items()}, n_rows)


def truth_for(problem: str, table: Dataset, *, seed: int = 5) -> Truth:
    """A target that a number, a category and chance decide."""
    rng = np.random.default_rng(seed)
    signal = 2.0 * np.nan_to_num(table["number"].values) + 1.5 * (table["flag"].values > 0)
    signal = signal + 0.3 * rng.normal(size=table.n_rows)
    if problem == "binary":
        return Truth(y=(signal > 0.7).astype(float), classes=("no", "yes"))
    if problem == "multiclass":
        return Truth(y=np.digitize(signal, [-1.0, 0.5, 2.0]).astype(float), classes=(1, 2, 3, 4))
    return Truth(y=100.0 + 10.0 * signal)


MOST = {"rounds": 50, "trees": 60, "least_trees": 30, "nets": 2}  # what a contract is about shows after so many
FEW_STEPS = 400  # of nets, which make as many on a small table, whatever the options say


def short(options):
    """A configuration whose fit does not take long."""
    return {name: min(value, MOST.get(name, value)) for name, value in options.items()}


@dataclass
class Fit:
    """What a family is given, and how its answers are judged. All tests share it, and each fit gets its own matrices."""

    family: object
    table: Dataset
    view: object
    given: FitInput
    _entries: dict = field(default_factory=dict, repr=False)

    def entry(self, place):
        """The model of an entry of the portfolio, fitted once for all who only ask it."""
        portfolio = self.family.portfolio()
        place %= len(portfolio)
        if place not in self._entries:
            self._entries[place] = self.model(options=portfolio[place])
        return self._entries[place]

    def model(self, **changes):
        options = short(changes.pop("options", self.family.portfolio()[0]))
        own = {"X": self.given.X.copy(), "X_stop": self.given.X_stop.copy()}
        fitted = self.family.fit(replace(self.given, **own | changes), options)
        for name in own.keys() - changes.keys():  # trials share their matrices in a pool process
            assert bits(own[name]) == bits(getattr(self.given, name)), f"the fit has written into its {name}"
        return fitted

    def loss(self, margins) -> float:
        """The problem's natural loss on the validation rows."""
        metric = METRICS[{"regression": "rmse"}.get(self.given.problem.name, "log_loss")]
        answers = self.given.problem.predictions(margins, self.given.truth.classes)
        return metric.score(self.given.truth_stop, answers)


def a_fit(family: str, problem: str, *, with_sparse: bool = False) -> Fit:
    found = FAMILIES[family]
    table = every_kind(with_sparse=with_sparse)
    truth = truth_for(problem, table)
    train, valid = np.arange(300), np.arange(300, 400)
    view = VIEWS[found.view].fit(table.take(train))
    given = FitInput(
        problem=PROBLEMS[problem],
        metric=METRICS[PROBLEMS[problem].default_metric],
        X=view.transform(table.take(train)),
        truth=truth.take(train),
        X_stop=view.transform(table.take(valid)),
        truth_stop=truth.take(valid),
        categorical=view.categorical,
        seed=11,
        watch=lambda step: False,
    )
    for shared in (given.truth.y, given.truth_stop.y):
        shared.flags.writeable = False
    return Fit(found, table, view, given)


@pytest.fixture
def make_table():
    return every_kind


@pytest.fixture
def make_truth():
    return truth_for


@pytest.fixture(scope="module")
def make_fit():
    """The same fit for all who ask for the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neural, "_LEAST_STEPS", FEW_STEPS)
        patch.setattr(neural, "_MOST_STEPS", FEW_STEPS)
        yield cache(a_fit)


def bits(array) -> bytes:
    dense = array.toarray() if sparse.issparse(array) else array
    return np.ascontiguousarray(dense).tobytes()


@pytest.fixture
def same_bits():
    def check(first, second):
        assert first.shape == second.shape
        assert bits(first) == bits(second)

    return check


@pytest.fixture
def shuffled_rows():
    """1, 7 and 1,000 rows of a table, shuffled and repeated."""
    rng = np.random.default_rng(99)
    return lambda n_rows: [rng.integers(0, n_rows, size) for size in (1, 7, 1000)]
