"""How columns go together: each with the target, and numbers with each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.facts import Source, by_name
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

ROWS = 50_000  # drawn to be looked at, fewer of a wide table
MOST_CORRELATED = 30  # columns of the matrix

_NUMBERS = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.DATETIME})
_CLASSES = frozenset({Storage.STRING, Storage.BOOLEAN, Storage.INTEGER})

Values = NDArray[np.float64]  # NaN is missing
Codes = NDArray[np.int64]  # -1 is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure under the name that the field gives it.

    pearson, spearman  -1 to 1, of two columns of numbers: of their values, and of their ranks
    eta                0 to 1, of numbers and classes: the root of the share of the numbers' variance that the classes
                       explain, corrected for the number of classes (the root of epsilon squared; Kelley 1935)
    cramers_v          0 to 1, of two columns of classes, corrected for their numbers (Bergsma 2013)
    """

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """How a column goes with the target."""

    column: str
    strength: float  # 0 to 1: its largest measure, without the sign
    measures: tuple[Measure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Pearson's, between columns of numbers; None where one does not vary."""

    columns: tuple[str, ...]
    matrix: tuple[tuple[float | None, ...], ...]


def is_number(column: ColumnSchema) -> bool:
    """Whether the column's values have an order and distances."""
    return column.type in {ColumnType.NUMERIC, ColumnType.DATETIME} and column.storage in _NUMBERS


def is_class(column: ColumnSchema) -> bool:
    """Whether the column's values are alike or not, and no more."""
    return column.type in {ColumnType.CATEGORICAL, ColumnType.BOOLEAN} and column.storage in _CLASSES


def associations(source: Source, schema: Schema, target: str, *, seed: int = 0) -> tuple[Association, ...]:
    """How columns of numbers, times and classes go with a target that is one, the strongest first."""
    names = [column.name for column in schema.columns if is_number(column) or is_class(column)]
    if target not in names:
        return ()
    rows = source.some(names, ROWS, seed).filter(by_name([target]).is_not_null())
    numbers = numbers_of(rows, [name for name in names if is_number(schema[name])])
    classes = codes_of(rows, [name for name in names if is_class(schema[name])])
    if target in numbers:
        others = [name for name in numbers if name != target]
        measured = {name: _measures(pearson=one, spearman=two) for name, one, two in _correlated(rows, target, others)}
        measured |= {name: _measures(eta=eta(numbers[target], codes)) for name, codes in classes.items()}
    else:
        truth = classes.pop(target)
        measured = {name: _measures(eta=eta(values, truth)) for name, values in numbers.items()}
        measured |= {name: _measures(cramers_v=cramers_v(codes, truth)) for name, codes in classes.items()}
    found = [
        Association(column=name, strength=max(abs(measure.value) for measure in measures), measures=measures)
        for name, measures in measured.items()
        if measures
    ]
    return tuple(sorted(found, key=lambda association: (-association.strength, association.column)))


def correlations(source: Source, schema: Schema, *, seed: int = 0) -> Correlations | None:
    """Between the first 30 columns of numbers; None where there are fewer than two."""
    names = [column.name for column in schema.columns if column.type is ColumnType.NUMERIC and is_number(column)]
    names = names[:MOST_CORRELATED]
    if len(names) < 2:
        return None
    rows = source.some(names, ROWS, seed)
    below = [(row, column) for row in range(len(names)) for column in range(row + 1)]
    matrix: list[list[float | None]] = [[None] * len(names) for _ in names]
    for (row, column), value in zip(
        below, _row(rows, [pl.corr(by_name([names[a]]), by_name([names[b]])) for a, b in below]), strict=True
    ):
        matrix[row][column] = matrix[column][row] = value if np.isfinite(value) else None
    return Correlations(columns=tuple(names), matrix=tuple(map(tuple, matrix)))


def _correlated(rows: pl.DataFrame, target: str, others: list[str]) -> Iterable[tuple[str, float, float]]:
    """Pearson's and Spearman's of each column with the target, over the rows where both are known."""
    numbers = rows.select(by_name([target, *others]).to_physical())
    pearson = _row(numbers, [pl.corr(by_name([name]), by_name([target])) for name in others])
    spearman = _row(numbers, [pl.corr(by_name([name]), by_name([target]), method="spearman") for name in others])
    return zip(others, pearson, spearman, strict=True)


def _row(rows: pl.DataFrame, questions: list[pl.Expr]) -> list[float]:
    found = rows.select(question.alias(str(place)) for place, question in enumerate(questions))
    return [float("nan") if answer is None else answer for answer in found.row(0)] if questions else []


def _measures(**values: float) -> tuple[Measure, ...]:
    return tuple(Measure(name=name, value=value) for name, value in values.items() if np.isfinite(value))


def numbers_of(rows: pl.DataFrame, names: list[str]) -> dict[str, Values]:
    """The values of columns of numbers and times."""
    found = rows.select(by_name(names).to_physical().cast(pl.Float64).fill_null(float("nan")))
    return {series.name: series.to_numpy() for series in found}


def codes_of(rows: pl.DataFrame, names: list[str]) -> dict[str, Codes]:
    """The place of each value in the order of its column's distinct ones."""
    ordered = by_name(names).to_physical().rank("dense").cast(pl.Int64) - 1
    return {series.name: series.to_numpy() for series in rows.select(ordered.fill_null(-1))}


def eta(values: Values, codes: Codes) -> float:
    """See Measure. NaN where the numbers do not vary, or there is no second class."""
    known = ~np.isnan(values) & (codes >= 0)
    numbers, groups = values[known], codes[known]
    sizes = np.bincount(groups)
    n_classes = np.count_nonzero(sizes)
    if n_classes < 2 or len(groups) <= n_classes:
        return float("nan")
    scaled = numbers / max(np.abs(numbers).max(), np.finfo(np.float64).tiny)  # squares of large numbers overflow
    centred = scaled - scaled.mean()
    variance = float(np.mean(centred**2))
    if variance <= 1e-24:
        return float("nan")
    sums = np.bincount(groups, centred)
    explained = float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum() / len(groups)) / variance
    corrected = 1 - (1 - explained) * (len(groups) - 1) / (len(groups) - n_classes)
    return float(np.sqrt(np.clip(corrected, 0, 1)))


def cramers_v(first: Codes, second: Codes) -> float:
    """See Measure. NaN where one has no second class."""
    known = (first >= 0) & (second >= 0)
    rows, row_codes = np.unique(first[known], return_inverse=True)
    columns, column_codes = np.unique(second[known], return_inverse=True)
    n = len(row_codes)
    if len(rows) < 2 or len(columns) < 2:
        return float("nan")
    # Only the cells that occur: tables of many classes are mostly empty.
    cells, counts = np.unique(row_codes * len(columns) + column_codes, return_counts=True)
    row_sizes, column_sizes = np.bincount(row_codes), np.bincount(column_codes)
    expected = row_sizes[cells // len(columns)] * column_sizes[cells % len(columns)] / n
    phi2 = float((counts**2 / expected).sum() / n - 1)
    k, r = len(columns), len(rows)
    corrected = max(0.0, phi2 - (k - 1) * (r - 1) / (n - 1))
    smaller = min(k - (k - 1) ** 2 / (n - 1), r - (r - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(min(1.0, corrected / smaller))) if smaller > 0 else float("nan")
