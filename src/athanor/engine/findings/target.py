"""Findings about the target: what stands in the way of learning it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from athanor.engine.findings.columns import mostly_values
from athanor.engine.findings.finding import Finding, Kind, Severity
from athanor.engine.problems.natural import natural_problem
from athanor.engine.tables.facts import Facts, Source
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.engine.words import share

LARGEST = 5_000_000  # rows that are looked at
MANY_MISSING = 0.2  # share of rows without a target from which it is a warning
FEW_ROWS = 5  # rows below which a class is rare
MOSTLY_DISTINCT, ENOUGH = 0.5, 20  # share and number of distinct words from which they are no classes
SKEWED = 3.0  # skewness from which it is said: that of an exponential distribution is 2

_LEARNED = frozenset({Storage.FLOAT, Storage.INTEGER, Storage.BOOLEAN, Storage.STRING})


def problem_of(source: Source, column: ColumnSchema, seed: int) -> str | None:
    """The problem type that the target would be learned as; None where it cannot be learned."""
    if column.storage not in _LEARNED:
        return None
    present = _present(source, column, seed)
    if present.n_unique() < 2:
        return None
    renamed = replace(column, name=present.name)
    return natural_problem(to_dataset(present.to_frame(), Schema((renamed,)))[present.name], renamed)


def _present(source: Source, column: ColumnSchema, seed: int) -> pl.Series:
    return source.sample([column.name], LARGEST, seed).to_series().alias("target").drop_nulls()


def target_findings(
    source: Source, column: ColumnSchema, counted: Facts, problem: str | None, seed: int
) -> list[Finding]:
    """What its owner should know of the target before a training as `problem`."""
    target = column.name
    found = []
    if counted.missing:
        severity = Severity.WARNING if counted.missing >= MANY_MISSING * counted.n_rows else Severity.INFO
        end = "they are left out of training."
        if not counted.present:
            severity, end = Severity.SERIOUS, "nothing can be learned."
        missing = f"{counted.missing:,} of {counted.n_rows:,} rows ({share(counted.missing, counted.n_rows)})"
        message = f"{missing} have no {target!r}; {end}"
        found.append(_finding(Kind.TARGET_MISSING, severity, target, message))
    if not counted.present:
        return found
    if column.storage not in _LEARNED:
        message = f"{target!r} holds {column.type.value} values, which cannot be learned. Choose numbers or classes."
        return [*found, _finding(Kind.TARGET_TYPE, Severity.SERIOUS, target, message)]
    present = _present(source, column, seed)
    if problem is None:
        message = f"{target!r} is {present[0]!r} in every row that has it; two values are needed to learn from."
        return [*found, _finding(Kind.TARGET_ONE_CLASS, Severity.SERIOUS, target, message)]
    if column.storage is Storage.STRING:
        words = _words(source, present, target, seed)
        if words:
            return [*found, *words]
    return [*found, *(_skew(present, target) if problem == "regression" else _rare(present, target))]


def _words(source: Source, present: pl.Series, target: str, seed: int) -> list[Finding]:
    """Words that are no classes."""
    distinct = present.n_unique()
    mostly = mostly_values(source, [target], seed).get(target)
    if mostly is not None and mostly.what == "numbers":
        message = (
            f"{target!r} would be learned as classes, though {share(mostly.share, 1)} of its values are numbers: "
            f"{mostly.n_others:,} are not (first: {mostly.first!r}, row {mostly.row:,}). Correct them, or leave those "
            "cells empty, to learn a quantity."
        )
        return [_finding(Kind.TARGET_TEXT_NUMBERS, Severity.SERIOUS, target, message)]
    if distinct > ENOUGH and distinct >= MOSTLY_DISTINCT * len(present):
        message = (
            f"{target!r} holds {distinct:,} distinct words in {len(present):,} rows. Classes that hardly repeat cannot "
            "be learned: choose another target, or group them."
        )
        return [_finding(Kind.TARGET_ALL_DISTINCT, Severity.SERIOUS, target, message)]
    return []


def _rare(present: pl.Series, target: str) -> list[Finding]:
    counts = present.alias("value").value_counts(name="rows").sort("rows", "value")
    rare = counts.filter(pl.col("rows") < FEW_ROWS)
    if rare.is_empty():
        return []
    shown = ", ".join(f"{value!r} ({rows})" for value, rows in rare.head(5).rows())
    more = ", …" if rare.height > 5 else ""
    message = (
        f"{rare.height:,} of the {counts.height:,} classes of {target!r} have fewer than {FEW_ROWS} rows: "
        f"{shown}{more}. They can hardly be learned: add rows, or put them together."
    )
    return [_finding(Kind.TARGET_RARE_CLASSES, Severity.WARNING, target, message)]


def _skew(present: pl.Series, target: str) -> list[Finding]:
    values = present.cast(pl.Float64).to_numpy()
    with np.errstate(all="ignore"):  # numbers near the largest float
        skewness = float(np.mean(((values - values.mean()) / values.std()) ** 3))
    if not abs(skewness) >= SKEWED:
        return []
    figures = (
        f"median {np.median(values):,.4g}, mean {values.mean():,.4g}, from {values.min():,.4g} to {values.max():,.4g}"
    )
    message = (
        f"{target!r} is skewed (skewness {skewness:.1f}; {figures}). A few rows decide squared errors: "
        "consider the metric mae, or rmsle where errors count in per cent."
    )
    return [_finding(Kind.TARGET_SKEW, Severity.INFO, target, message)]


def _finding(kind: Kind, severity: Severity, target: str, message: str) -> Finding:
    return Finding(kind=kind, severity=severity, columns=(target,), message=message)
