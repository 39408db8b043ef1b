"""How the values of columns are spread: quantiles, histograms, most frequent values, lengths of vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.facts import Source
from athanor.engine.tables.schema import ColumnSchema, Storage

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 10
VECTORS = 20_000  # rows whose vectors are measured
_COUNT = "\0rows"  # no column has such a name
_CELLS = 10_000_000  # values that are in memory at a time, beside the table


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCount:
    """A value and the rows that hold it."""

    value: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Rows between neighbouring edges; each bin holds its left edge, the last one both."""

    edges: tuple[float, ...]  # one more than `rows`; of times seconds since 1970 (UTC)
    rows: tuple[int, ...]


def of_ordered(
    source: Source, columns: Sequence[ColumnSchema], *, largest: int, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Quantiles and histograms of columns of numbers and times that hold any, by name.

    Distinct values too where all rows are looked at: these are sorted already.
    """
    storages = {column.name: column.storage for column in columns}
    is_whole = source.n_rows <= largest
    for rows in _by_columns(source, [column.name for column in columns], largest, seed):
        for series in rows.select(pl.all().sort(nulls_last=True)):
            present = series.alias("values").to_physical().head(len(series) - series.null_count()).to_numpy()
            if len(present):
                distinct = {"distinct": _distinct(present), "is_distinct_approximate": False} if is_whole else {}
                yield series.name, _FIGURES[storages[series.name]](present) | distinct


def _of_floats(values: NDArray[Any]) -> dict[str, Any]:
    levels = tuple(zip(QUANTILES, _quantiles(values), strict=True))
    return {"quantiles": levels, "histogram": _histogram(values, _edges(values))}


def _of_integers(values: NDArray[Any]) -> dict[str, Any]:
    levels = tuple(zip(QUANTILES, _quantiles(values.astype(np.float64)), strict=True))
    return {"quantiles": levels, "histogram": _histogram(values, _whole_edges(values))}


def _of_times(values: NDArray[Any]) -> dict[str, Any]:
    seconds = values / 1e6
    return {"histogram": _histogram(seconds, _edges(seconds))}


_FIGURES = {Storage.FLOAT: _of_floats, Storage.INTEGER: _of_integers, Storage.DATETIME: _of_times}


def _distinct(values: NDArray[Any]) -> int:
    return 1 + int(np.count_nonzero(values[1:] != values[:-1]))


def _quantiles(values: NDArray[Any]) -> list[float]:
    """Of sorted values, interpolated between neighbours."""
    places = np.array(QUANTILES) * (len(values) - 1)
    left = np.floor(places).astype(np.int64)
    low, high = values[left], values[np.minimum(left + 1, len(values) - 1)]
    share = places - left
    # Never beyond the largest float, as high - low may be.
    found: NDArray[np.float64] = low * (1 - share) + high * share
    levels: list[float] = found.clip(low, high).tolist()
    return levels


def _edges(values: NDArray[Any]) -> NDArray[np.float64]:
    lowest, highest = float(values[0]), float(values[-1])
    width = highest / BINS - lowest / BINS
    # No bins fit between neighbouring floats, nor across more than the largest one.
    if not np.isfinite(highest - lowest) or width <= np.spacing(max(abs(lowest), abs(highest))):
        return np.array([lowest, highest])
    return np.linspace(lowest, highest, BINS + 1)


def _whole_edges(values: NDArray[Any]) -> NDArray[np.float64]:
    """Bins of the same whole number of whole numbers each."""
    lowest, highest = int(values[0]), int(values[-1])
    width = -(-(highest - lowest + 1) // BINS)
    bins = -(-(highest - lowest + 1) // width)
    return np.array([float(lowest + width * bin_) for bin_ in range(bins + 1)])


def _histogram(values: NDArray[Any], edges: NDArray[np.float64]) -> Histogram:
    places = [0, *np.searchsorted(values, edges[1:-1], "left").tolist(), len(values)]
    return Histogram(edges=tuple(edges.tolist()), rows=tuple(np.diff(places).tolist()))


def of_values(source: Source, names: Sequence[str], *, largest: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The most frequent values of columns, by name."""
    for rows in _by_columns(source, names, largest, seed):
        counts = rows.select(pl.all().drop_nulls().value_counts(name=_COUNT).implode())
        for series in counts:
            # Equal counts stand in the order of their values, so that a profile is the same every time.
            found = series.alias("counts").explode().struct.unnest()
            found.columns = ["value", "rows"]
            top = found.drop_nulls().top_k(TOP, by=["rows", "value"], reverse=[False, True])
            if top.height:
                pairs = top.select(pl.col("value").cast(pl.String), "rows").rows()
                yield series.name, {"top": tuple(ValueCount(value=value, rows=count) for value, count in pairs)}


def of_vectors(source: Source, column: ColumnSchema, seed: int) -> dict[str, Any]:
    """Length and zeros of a column of vectors."""
    sample = source.some([column.name], VECTORS, seed)
    vectors = sample[column.name].alias("vectors").drop_nulls()
    if not len(vectors) or not column.dim:
        return {}
    lists = vectors.struct.field("values") if column.storage is Storage.SPARSE else vectors.arr.to_list()
    values = lists.explode(empty_as_null=False).cast(pl.Float64).to_numpy()
    rows = np.repeat(np.arange(len(vectors)), lists.list.len().to_numpy())
    nonzeros = int(np.count_nonzero(values)) / len(vectors)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = float(np.sqrt(np.bincount(rows, values**2, len(vectors))).mean())
    return {
        "norm": norm if np.isfinite(norm) else None,
        "nonzeros": nonzeros,
        "zero_share": 1 - nonzeros / column.dim,
    }


def _by_columns(source: Source, names: Sequence[str], largest: int, seed: int) -> Iterator[pl.DataFrame]:
    """The rows, or `largest` of them, a few columns at a time."""
    at_a_time = max(1, _CELLS // max(1, min(source.n_rows, largest)))
    for start in range(0, len(names), at_a_time):
        yield source.sample(names[start : start + at_a_time], largest, seed)
