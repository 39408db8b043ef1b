"""A table at a glance: what each column holds, in numbers that a page or an answer can show."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from athanor.engine.schema import ColumnSchema, Schema, Storage

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCount:
    """A value and the rows that hold it."""

    value: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Rows between neighbouring edges; each bin holds its left edge, the last one both."""

    edges: tuple[float, ...]  # one more than `rows`
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column. None stands where a figure makes no sense for the storage, or no row has a value.

    distinct   distinct values, missing not counted; None for vectors
    minimum …  of numbers; a time's first and last are spelled in `first` and `last`
    quantiles  pairs of level and value, levels in (0, 1)
    top        most frequent values of words and truth values, most frequent first
    length     mean characters of words
    """

    name: str
    type: str
    storage: str
    reason: str
    missing: int
    distinct: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    quantiles: tuple[tuple[float, float], ...] | None = None
    histogram: Histogram | None = None
    first: str | None = None
    last: str | None = None
    top: tuple[ValueCount, ...] | None = None
    length: float | None = None
    dim: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A table. `profiled_rows` is smaller than `n_rows` where a sample was looked at; counts are the sample's."""

    n_rows: int
    profiled_rows: int
    columns: tuple[ColumnProfile, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; no NaN among them."""
        return asdict(self)


def profile(frame: pl.DataFrame, schema: Schema, *, sample_rows: int | None = None, seed: int = 0) -> Profile:
    """The profile of all rows, or of `sample_rows` of them drawn with `seed`."""
    n_rows = frame.height
    if sample_rows is not None and sample_rows < n_rows:
        frame = frame.sample(sample_rows, seed=seed)
    columns = tuple(_column(frame[column.name], column) for column in schema.columns)
    return Profile(n_rows=n_rows, profiled_rows=frame.height, columns=columns)


def _column(series: pl.Series, schema: ColumnSchema) -> ColumnProfile:
    figures: dict[str, Any] = {"missing": series.null_count()}
    present = series.drop_nulls()
    if schema.storage in {Storage.DENSE, Storage.SPARSE}:
        figures["dim"] = schema.dim
    else:
        figures["distinct"] = present.n_unique()
        if len(present):
            figures |= _FIGURES[schema.storage](present)
    return ColumnProfile(
        name=schema.name, type=schema.type.value, storage=schema.storage.value, reason=schema.reason, **figures
    )


def _of_numbers(present: pl.Series) -> dict[str, Any]:
    values = present.cast(pl.Float64).to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):  # sums of numbers near the largest float
        mean, std = float(values.mean()), float(values.std())
    lowest, highest = float(values.min()), float(values.max())
    # Between numbers further apart than the largest float there is nothing to interpolate.
    if np.isfinite(highest - lowest):
        levels = np.quantile(values, QUANTILES)
    else:
        levels = np.quantile(values, QUANTILES, method="nearest")
    rows, edges = _histogram(values)
    return {
        "minimum": lowest,
        "maximum": highest,
        "mean": mean if np.isfinite(mean) else None,
        "std": std if np.isfinite(std) else None,
        "quantiles": tuple(zip(QUANTILES, levels.tolist(), strict=True)),
        "histogram": Histogram(edges=tuple(edges.tolist()), rows=tuple(rows.tolist())),
    }


def _histogram(values: Any) -> tuple[Any, Any]:
    lowest, highest = float(values.min()), float(values.max())
    width = highest - lowest
    # No bins fit between neighbouring floats, nor across more than the largest one.
    if not np.isfinite(width) or width / BINS <= np.spacing(max(abs(lowest), abs(highest))):
        return np.array([len(values)]), np.array([lowest, highest])
    return np.histogram(values, BINS)


def _of_words(present: pl.Series) -> dict[str, Any]:
    return {"top": _top(present), "length": float(present.str.len_chars().mean() or 0)}  # type: ignore[arg-type]


def _of_truths(present: pl.Series) -> dict[str, Any]:
    return {"top": _top(present.cast(pl.String)), "mean": float(present.mean() or 0)}  # type: ignore[arg-type]


def _of_times(present: pl.Series) -> dict[str, Any]:
    spelled = present.sort().dt.to_string("iso")
    return {"first": spelled[0], "last": spelled[-1]}


def _top(present: pl.Series) -> tuple[ValueCount, ...]:
    # Equal counts stand in the order of their values, so that a profile is the same every time.
    counts = present.alias("value").value_counts(name="rows").sort(["rows", "value"], descending=[True, False])
    return tuple(ValueCount(value=value, rows=rows) for value, rows in counts.head(TOP).rows())


_FIGURES = {
    Storage.FLOAT: _of_numbers,
    Storage.INTEGER: _of_numbers,
    Storage.BOOLEAN: _of_truths,
    Storage.STRING: _of_words,
    Storage.DATETIME: _of_times,
}
