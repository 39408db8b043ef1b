"""Robust scaling: the middle half of the training rows to about -1 … 1, and outliers softly to at most 3.

Source: the preprocessing of RealMLP, Holzmüller et al. (2024), arxiv.org/abs/2407.04491, appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Dense, Encoder, Facts
from athanor.engine.features.lookup import looked_up
from athanor.engine.tables.dataset import Column

MOST_ROWS = 100_000  # quantiles of more rows cost time and move nothing
_ROWS = 16_384  # scaled at a time


@dataclass(frozen=True, slots=True)
class Scaled(Dense):
    """The features of another dense encoder, scaled; missing becomes the median (0), with a flag where rows had it.

    median, factor   (inner.width,) value = (feature - median) * factor, then value / sqrt(1 + (value / 3)²)
    flagged          positions of the features that were missing in some training row
    """

    inner: Encoder
    median: NDArray[np.float32]
    factor: NDArray[np.float32]
    flagged: NDArray[np.int64]

    @classmethod
    def of(cls, inner: Encoder, column: Column) -> Scaled:
        every = max(1, column.n_rows // MOST_ROWS)
        if every == 1:
            raw = inner.encode(column)
            return cls(inner, *_robust(raw), np.flatnonzero(np.isnan(raw).any(axis=0)))
        reader, has_missing = looked_up(inner, column, column.n_rows), np.zeros(inner.width, np.bool_)
        for start in range(0, column.n_rows, MOST_ROWS):
            has_missing |= np.isnan(reader.encode(column.take(slice(start, start + MOST_ROWS)))).any(axis=0)
        sample = reader.encode(column.take(slice(None, None, every)))
        return cls(inner, *_robust(sample), np.flatnonzero(has_missing))

    @property
    def width(self) -> int:
        return self.inner.width + len(self.flagged)

    @property
    def components(self) -> NDArray[np.int64] | None:
        inner = self.inner.components
        return None if inner is None else np.concatenate((inner, inner[self.flagged]))

    def encode(self, column: Column) -> NDArray[np.float32]:
        raw = self.inner.encode(column)
        block = np.empty((len(raw), self.width), np.float32)
        for start in range(0, len(raw), _ROWS):  # so that what stands in double precision is small
            self._scale(raw[start : start + _ROWS], block[start : start + _ROWS])
        return block

    def _scale(self, raw: NDArray[np.float32], block: NDArray[np.float32]) -> None:
        missing = np.isnan(raw)
        block[:, : self.inner.width] = scaled(raw, missing, self.median, self.factor)
        block[:, self.inner.width :] = missing[:, self.flagged]

    def facts(self) -> dict[str, Any]:
        return {
            "median": self.median.tolist(),
            "factor": self.factor.tolist(),
            "flagged": self.flagged.tolist(),
        }

    @classmethod
    def from_facts(cls, inner: Encoder, facts: Facts) -> Scaled:
        median, factor = (np.array(facts[name], np.float32) for name in ("median", "factor"))
        return cls(inner, median, factor, np.array(facts["flagged"], np.int64))


def scaled(
    raw: NDArray[np.float32], missing: NDArray[np.bool_], median: NDArray[np.float32], factor: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(n_rows, n_features) raw features, scaled: missing ones are 0."""
    # In double precision: the difference of two large numbers that float32 can hold may be one that it cannot.
    value = (np.where(missing, median, raw).astype(np.float64) - median) * factor
    np.clip(value, -1e100, 1e100, out=value)
    value /= np.sqrt(1.0 + np.square(value / 3.0))
    return value


def _robust(raw: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Median and factor of each column; the factor is 0 where all values are the same."""
    median = np.zeros(raw.shape[1], np.float32)
    factor = np.zeros(raw.shape[1], np.float32)
    for place in range(raw.shape[1]):
        values = raw[:, place]
        values = values[~np.isnan(values)]
        if not len(values):
            continue
        low, lower, middle, upper, high = np.quantile(values.astype(np.float64), (0.0, 0.25, 0.5, 0.75, 1.0))
        # Where more than half of the rows share a value, the whole range stands in for the middle half.
        spread = upper - lower if upper > lower else (high - low) / 2.0
        median[place] = middle
        factor[place] = min(1.0 / spread, float(np.finfo(np.float32).max)) if spread > 0.0 else 0.0
    return median, factor
