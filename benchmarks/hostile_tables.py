"""Tables that are hard to learn from, each with what must come of it. Made once, by a fixed seed, into a folder."""

from __future__ import annotations

import inspect
import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

# The exit status that `athanor train` must give.
MODEL, IMPOSSIBLE, WRONG_INPUT = 0, 1, 2
_PICTURES = frozenset({"sign_digits"})  # sets with nothing but pictures, which no view sees yet
SEED = 20_250_501
LEARNABLE = {"binary", "multiclass", "regression", "anomaly", "text", "multimodal", "ranking", "image"}

Rng = np.random.Generator
Content = "pl.DataFrame | str"  # a table, or the text of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table and what must come of it.

    status    the exit status: a model, or an error in words
    needs_s   with a shorter limit, or less memory than `needs_mb`, an error in words is right as well
    """

    name: str
    target: str = "y"
    status: int = MODEL
    options: tuple[str, ...] = ()
    needs_s: int = 0
    needs_mb: int = 0
    ending: str = ".csv"
    make: Callable[[Rng], Content] | None = None  # None: the file is there
    file: Path | None = None

    def is_possible(self, limit: float, cap: int) -> bool:
        """Whether a model must come within so many seconds and bytes."""
        return self.status == MODEL and limit >= self.needs_s and cap >= self.needs_mb * 2**20

    def put_into(self, folder: Path) -> tuple[Path, Path]:
        """The table's file, and one with its first three rows. What is there already is not made again."""
        folder.mkdir(parents=True, exist_ok=True)
        key = f"{self.name}-{zlib.crc32(self._origin().encode()):08x}"
        whole = self.file or folder / f"{key}{self.ending}"
        head = folder / f"{key}-head{'.parquet' if whole.suffix == '.parquet' else self.ending}"
        if not head.exists():
            if self.make is not None:
                _write(self.make(np.random.default_rng(SEED)), whole)
            _write(_head_of(whole), head)
        return whole, head

    def _origin(self) -> str:
        return inspect.getsource(self.make) if self.make else str(self.file)


TABLES: dict[str, Table] = {}


def table(name: str, **facts) -> Callable[[Callable[[Rng], Content]], Callable[[Rng], Content]]:
    def put_down(make: Callable[[Rng], Content]) -> Callable[[Rng], Content]:
        TABLES[name] = Table(name=name, make=make, **facts)
        return make

    return put_down


def all_tables() -> dict[str, Table]:
    """Those made here, and the real ones of the bundle below ATHANOR_SHARED where that is set."""
    return TABLES | {real.name: real for real in _real_tables()}


def _real_tables() -> Iterator[Table]:
    shared = os.environ.get("ATHANOR_SHARED")
    if not shared:
        return
    data = Path(shared) / "data"
    for entry in json.loads((data / "datasets.json").read_text()):
        if entry["task"] in LEARNABLE:
            dropped = tuple(word for column in entry.get("drop", ()) for word in ("--exclude", column))
            file = data / entry["files"]["train"]
            status = IMPOSSIBLE if entry["name"] in _PICTURES else MODEL
            yield Table(name=f"real {entry['name']}", target=entry["target"], options=dropped, file=file, status=status)


def _write(content: Content, path: Path) -> None:
    """Whole or not at all: another run may look."""
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    if isinstance(content, str):
        unfinished.write_text(content)
    elif path.suffix == ".parquet":
        content.write_parquet(unfinished)
    else:
        content.write_csv(unfinished)
    unfinished.replace(path)


def _head_of(path: Path) -> Content:
    import polars as pl

    if path.suffix == ".parquet":
        return pl.read_parquet(path, n_rows=3)
    if path.suffix in {".svm", ".csv"}:
        with path.open() as lines:
            return "".join(next(lines, "") for _ in range(4 if path.suffix == ".csv" else 3))
    return pl.read_csv(path, n_rows=3, infer_schema=False, quote_char='"')


def _numbers(rng: Rng, n_rows: int, n_columns: int = 5) -> dict[str, np.ndarray]:
    return {f"x{place}": rng.standard_normal(n_rows).round(4) for place in range(n_columns)}


def _labels(rng: Rng, signal: np.ndarray) -> list[str]:
    return ["yes" if one else "no" for one in signal + rng.standard_normal(len(signal)) > 0]


def _binary(rng: Rng, n_rows: int, n_columns: int = 5) -> dict[str, object]:
    columns = _numbers(rng, n_rows, n_columns)
    return {**columns, "y": _labels(rng, 2 * columns["x0"])}


def _words(rng: Rng, n: int) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return ["".join(rng.choice(letters, rng.integers(3, 9))) for _ in range(n)]


def _frame(columns: dict[str, object]) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(columns)


# --- too few rows, no target, no features -----------------------------------------------------------------------------


@table("one row", status=IMPOSSIBLE)
def one_row(rng: Rng) -> Content:
    return _frame(_binary(rng, 1))


@table("two rows")
def two_rows(_rng: Rng) -> Content:
    return "a,b,y\n1,red,yes\n2,blue,no\n"


@table("two rows, regression", options=("--problem", "regression"))
def two_rows_of_numbers(_rng: Rng) -> Content:
    return "a,b,y\n1,red,1.5\n2,blue,7.25\n"


@table("ten rows")
def ten_rows(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 10), "y": ["yes", "no"] * 5})


@table("header only", status=WRONG_INPUT)
def header_only(_rng: Rng) -> Content:
    return "a,b,y\n"


@table("empty file", status=WRONG_INPUT)
def empty_file(_rng: Rng) -> Content:
    return ""


@table("no such target", status=WRONG_INPUT, target="z")
def no_such_target(rng: Rng) -> Content:
    return _frame(_binary(rng, 100))


@table("one class", status=IMPOSSIBLE)
def one_class(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 1_000), "y": ["yes"] * 1_000})


@table("constant target", status=IMPOSSIBLE, options=("--problem", "regression"))
def constant_target(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 1_000), "y": [3.5] * 1_000})


@table("target all missing", status=IMPOSSIBLE)
def target_missing(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 1_000), "y": [None] * 1_000})


@table("no feature column", status=IMPOSSIBLE)
def no_feature(rng: Rng) -> Content:
    return _frame({"y": _labels(rng, np.zeros(1_000))})


@table("features all missing", status=IMPOSSIBLE)
def features_missing(rng: Rng) -> Content:
    return _frame({"a": [None] * 1_000, "b": [None] * 1_000, "y": _labels(rng, np.zeros(1_000))})


@table("constant features", status=IMPOSSIBLE)
def constant_features(rng: Rng) -> Content:
    return _frame({"a": [1] * 1_000, "b": ["same"] * 1_000, "y": _labels(rng, np.zeros(1_000))})


@table("ids only", status=IMPOSSIBLE)
def ids_only(rng: Rng) -> Content:
    return _frame({"id": range(1_000), "y": _labels(rng, np.zeros(1_000))})


@table("one feature")
def one_feature(rng: Rng) -> Content:
    return _frame(_binary(rng, 5_000, 1))


@table("mostly missing")
def mostly_missing(rng: Rng) -> Content:
    columns = {}
    for name, values in _numbers(rng, 20_000, 30).items():
        known = rng.random(len(values)) < 0.02
        columns[name] = [value if is_known else None for value, is_known in zip(values, known, strict=True)]
    signal = np.array([value or 0.0 for value in columns["x0"]])
    labels = [None if rng.random() < 0.9 else label for label in _labels(rng, signal)]
    return _frame({**columns, "y": labels})


# --- classes ----------------------------------------------------------------------------------------------------------


@table("a class per row", status=IMPOSSIBLE)
def class_per_row(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 200), "y": [f"class {place}" for place in range(200)]})


@table("two rows per class")
def two_rows_per_class(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 200), "y": [f"class {place % 100}" for place in range(200)]})


@table("500 classes")
def many_classes(rng: Rng) -> Content:
    columns = _numbers(rng, 5_000, 10)
    places = (np.digitize(columns["x0"], np.linspace(-2, 2, 50)) * 10 + rng.integers(0, 10, 5_000)) % 500
    return _frame({**columns, "y": [f"class {place}" for place in places]})


@table("rare positives")
def rare_positives(rng: Rng) -> Content:
    columns = _numbers(rng, 100_000, 10)
    rare = np.argsort(columns["x0"] + rng.standard_normal(100_000))[-10:]
    return _frame({**columns, "y": ["yes" if place in set(rare) else "no" for place in range(100_000)]})


@table("one positive")
def one_positive(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 2_000), "y": ["yes", *["no"] * 1_999]})


# --- large ------------------------------------------------------------------------------------------------------------


@table("300 rows, 10,000 columns", needs_s=5, needs_mb=768)
def wide_and_short(rng: Rng) -> Content:
    return _frame(_binary(rng, 300, 10_000))


@table("2,000 rows, 10,000 columns", needs_s=30, needs_mb=2048)
def wide(rng: Rng) -> Content:
    return _frame(_binary(rng, 2_000, 10_000))


@table("2,000 rows, 10,000 columns, Parquet", needs_s=30, needs_mb=2048, ending=".parquet")
def wide_parquet(rng: Rng) -> Content:
    return _frame(_binary(rng, 2_000, 10_000))


@table("a million rows, CSV", needs_s=5, needs_mb=1024)
def million(rng: Rng) -> Content:
    return _frame(_binary(rng, 1_000_000, 9))


@table("a million rows, Parquet", needs_s=5, needs_mb=1024, ending=".parquet")
def million_parquet(rng: Rng) -> Content:
    columns = {name: values.astype(np.float32) for name, values in _numbers(rng, 1_000_000, 17).items()}
    kinds = {name: np.array(_words(rng, 30))[rng.integers(0, 30, 1_000_000)] for name in ("kind", "sort")}
    y = columns["x0"] * 3 + columns["x1"] ** 2 + rng.standard_normal(1_000_000)
    return _frame({**columns, **kinds, "y": y})


@table("sparse, 20,000 x 50,000", target="label", needs_mb=768, ending=".svm")
def sparse(rng: Rng) -> Content:
    worth = rng.standard_normal(50_000)
    lines = []
    for _ in range(20_000):
        places = np.unique(rng.integers(0, 50_000, 50))
        label = "+1" if worth[places].sum() > 0 else "-1"
        lines.append(f"{label} {' '.join(f'{place + 1}:1' for place in places.tolist())}\n")
    return "".join(lines)


# --- cells ------------------------------------------------------------------------------------------------------------


@table("text only")
def text_only(rng: Rng) -> Content:
    words = np.array(_words(rng, 3_000))
    drawn = rng.integers(0, 3_000, (5_000, 30))
    return _frame({"text": [" ".join(row) for row in words[drawn]], "y": _labels(rng, (drawn < 100).sum(axis=1) - 1.0)})


@table("long texts")
def long_texts(rng: Rng) -> Content:
    words = np.array(_words(rng, 3_000))
    return _frame({"text": [" ".join(words[rng.integers(0, 3_000, 3_000)]) for _ in range(500)], "y": ["a", "b"] * 250})


@table("infinities among the features")
def infinite_features(rng: Rng) -> Content:
    odd = ["inf", "-inf", "1e308", "-1e308", "1e-320", "NaN", "0", "-0.0"]
    columns = {}
    for name, values in _numbers(rng, 2_000, 6).items():
        places = rng.random(len(values)) < 0.1
        columns[name] = [
            odd[rng.integers(8)] if place else str(value) for value, place in zip(values, places, strict=True)
        ]
    signal = np.nan_to_num(np.array([float(cell) for cell in columns["x0"]]), posinf=3.0, neginf=-3.0)
    return _frame({**columns, "y": _labels(rng, np.clip(signal, -3, 3))})


@table("huge numbers as the target", status=IMPOSSIBLE, options=("--problem", "regression"))
def huge_target(rng: Rng) -> Content:
    odd = ["1e308", "-1e308", "1e-320", "1e150"]
    y = [odd[rng.integers(4)] if rng.random() < 0.02 else str(value) for value in rng.standard_normal(2_000)]
    return _frame({**_numbers(rng, 2_000), "y": y})


@table("infinities as the target", options=("--problem", "regression"))
def infinite_target(rng: Rng) -> Content:
    y = [["inf", "-inf"][rng.integers(2)] if rng.random() < 0.02 else str(one) for one in rng.standard_normal(2_000)]
    return _frame({**_numbers(rng, 2_000), "y": y})


@table("skewed target")
def skewed_target(rng: Rng) -> Content:
    columns = _numbers(rng, 5_000)
    return _frame({**columns, "y": np.exp(8 * columns["x0"] + rng.standard_normal(5_000))})


@table("huge integers", status=IMPOSSIBLE)
def huge_integers(rng: Rng) -> Content:
    columns = {
        f"x{place}": [str(10 ** int(rng.integers(15, 30)) + int(rng.integers(10**9))) for _ in range(2_000)]
        for place in range(3)
    }
    return _frame({**columns, "z": rng.integers(2**62, 2**63 - 1, 2_000), "y": _labels(rng, np.zeros(2_000))})


@table("dates")
def dates(rng: Rng) -> Content:
    days = rng.integers(0, 20_000, 3_000)
    columns = {
        "day": [date(1970, 1, 1) + timedelta(int(one)) for one in days],
        "at": [datetime(1, 1, 1, tzinfo=UTC) + timedelta(int(one)) for one in rng.integers(0, 3_000_000, 3_000)],
        "spelled": [f"{one % 28 + 1:02}.{one % 12 + 1:02}.{1900 + one % 200}" for one in days.tolist()],
    }
    return _frame({**columns, "y": _labels(rng, (days % 7 < 2) * 4.0 - 2)})


@table("duplicated rows")
def duplicated_rows(rng: Rng) -> Content:
    few = _frame(_binary(rng, 20))
    return few[rng.integers(0, 20, 5_000).tolist()]


@table("50,000 categories")
def many_categories(rng: Rng) -> Content:
    codes = rng.integers(0, 50_000, 100_000)
    return _frame(
        {"city": [f"city {code}" for code in codes], **_numbers(rng, 100_000, 2), "y": _labels(rng, codes % 7 - 3.0)}
    )


@table("mixed cells")
def mixed_cells(rng: Rng) -> Content:
    kinds = ["12", "1.5e3", "n/a", "", "red", "2024-02-30", "true", "1,5", "0x1F", "-", "∞", "1_000", "007", " 7 "]
    columns = {f"x{place}": [kinds[one] for one in rng.integers(0, len(kinds), 3_000)] for place in range(6)}
    return _frame({**columns, "y": _labels(rng, np.array([float(cell == "red") for cell in columns["x0"]]))})


@table("odd names", target='ziel "größe", €')
def odd_names(rng: Rng) -> Content:
    columns = _binary(rng, 1_000, 8)
    names = ["", " ", "名前", "a,b", 'quo"te', "__class__", "x" * 500, "e\u0301", 'ziel "größe", €']
    return _frame(dict(zip(names, columns.values(), strict=True)))


@table("a leak of the target")
def leak(rng: Rng) -> Content:
    columns = _binary(rng, 3_000)
    return _frame({"copy": columns["y"], **columns})


@table("noise")
def noise(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 3_000, 20), "y": _labels(rng, np.zeros(3_000))})


@table("plain")
def plain(rng: Rng) -> Content:
    return _frame({**_numbers(rng, 20_000, 20), **_binary(rng, 20_000)})


@table("weights of zero", options=("--weight", "w"))
def zero_weights(rng: Rng) -> Content:
    return _frame({**_binary(rng, 2_000), "w": (rng.random(2_000) < 0.01).astype(float)})
