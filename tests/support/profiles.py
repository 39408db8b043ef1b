"""Profiles made by hand, for who shows them."""

from __future__ import annotations

from typing import Any

from athanor.engine.findings import Finding, Severity
from athanor.engine.profiling.distributions import Histogram, ValueCount
from athanor.engine.profiling.profile import ColumnProfile, Profile
from athanor.engine.tables.association import Association, Correlations, Measure

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def a_number(name: str = "size", **figures: Any) -> ColumnProfile:
    return ColumnProfile(
        **{
            "name": name,
            "type": "numeric",
            "storage": "float",
            "reason": "numbers, 80 distinct",
            "missing": 5,
            "distinct": 80,
            "minimum": 0.0,
            "maximum": 100.0,
            "mean": 40.5,
            "std": 12.25,
            "quantiles": tuple((level, 100 * level) for level in LEVELS),
            "histogram": Histogram(edges=(0.0, 25.0, 50.0, 75.0, 100.0), rows=(10, 60, 25, 0)),
        }
        | figures
    )


def some_words(name: str = "town", **figures: Any) -> ColumnProfile:
    top = (ValueCount(value="Ulm", rows=60), ValueCount(value="Bonn", rows=39), ValueCount(value="Kiel", rows=1))
    return ColumnProfile(
        **{
            "name": name,
            "type": "categorical",
            "storage": "string",
            "reason": "3 distinct words",
            "missing": 0,
            "distinct": 3,
            "top": top,
            "length": 3.5,
        }
        | figures
    )


def some_times(name: str = "day", **figures: Any) -> ColumnProfile:
    return ColumnProfile(
        **{
            "name": name,
            "type": "datetime",
            "storage": "datetime",
            "reason": "points in time",
            "missing": 0,
            "distinct": 100,
            "first": "2024-03-01T00:00:00.000000",
            "last": "2024-06-09T12:30:00.000000",
            "histogram": Histogram(edges=(1709251200.0, 1713000000.0, 1717936200.0), rows=(50, 50)),
        }
        | figures
    )


def a_vector(name: str = "embedding", **figures: Any) -> ColumnProfile:
    return ColumnProfile(
        **{"name": name, "type": "vector", "storage": "dense", "reason": "numbers of one length", "missing": 0}
        | {"dim": 64, "norm": 1.0, "zero_share": 0.0}
        | figures
    )


def a_profile(*columns: ColumnProfile, **figures: Any) -> Profile:
    columns = columns or (a_number(), some_words(), some_times(), a_vector())
    return Profile(
        **{
            "n_rows": 100,
            "counted_rows": 100,
            "profiled_rows": 100,
            "target": None,
            "columns": columns,
            "findings": (),
            "associations": (),
            "correlations": None,
        }
        | figures
    )


def a_finding(
    message: str = "half of it is missing", *columns: str, severity: Severity = Severity.WARNING, kind: str = "missing"
) -> Finding:
    return Finding(kind=kind, columns=columns, message=message, severity=severity)


def an_association(column: str, strength: float) -> Association:
    return Association(column=column, strength=strength, measures=(Measure(name="pearson", value=-strength),))


def a_correlation(*names: str) -> Correlations:
    return Correlations(columns=names, matrix=tuple(tuple(1.0 if a == b else -0.5 for a in names) for b in names))
