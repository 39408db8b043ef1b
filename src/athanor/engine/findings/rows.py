"""Findings about the rows: the same ones, and their order in time."""

from __future__ import annotations

import polars as pl

from athanor.engine.findings.finding import Finding, Kind, Severity
from athanor.engine.tables.association import associations
from athanor.engine.tables.facts import LOOKED_AT, Source, by_name
from athanor.engine.tables.schema import ColumnType, Schema
from athanor.engine.words import share

LARGEST = 5_000_000  # rows whose hashes are compared; of a larger table a share of the hashes, with all rows of each
MANY_DUPLICATES, MANY_CONFLICTS = 0.05, 0.01  # shares of rows from which it is a warning
DRIFT = 0.2  # association of target and time from which it is said
ENOUGH = 20  # rows below which an order says nothing


def duplicate_rows(source: Source, schema: Schema, target: str | None, problem: str | None) -> list[Finding]:
    """Rows that are equal apart from ids, and rows that differ in nothing but a target of classes."""
    compared = [column.name for column in schema.columns if column.type is not ColumnType.ID]
    features = [name for name in compared if name != target]
    # A single column of a few words or numbers repeats by nature.
    is_telling = len(features) > 1 or any(
        schema[name].type in {ColumnType.TEXT, ColumnType.VECTOR} for name in features
    )
    if not is_telling or source.n_rows < 2:
        return []
    parts = -(-source.n_rows // LARGEST)
    hashes = source.lazy.select(_hash(features).alias("features"), _hash(compared).alias("row"))
    # All rows with the same features fall into the same part.
    rows = hashes.filter(pl.col("features") % parts == 0).collect(engine="streaming")
    n_rows, n_duplicates = rows.height, rows.height - rows["row"].n_unique()
    found = []
    if n_duplicates:
        ids = [column.name for column in schema.columns if column.type is ColumnType.ID]
        apart = f" (apart from {', '.join(map(repr, ids[:3]))})" if ids else ""
        found.append(
            Finding(
                kind=Kind.DUPLICATE_ROWS,
                severity=Severity.WARNING if n_duplicates >= MANY_DUPLICATES * n_rows else Severity.INFO,
                columns=(),
                message=f"Rows that repeat an earlier one{apart}: {_about(n_duplicates, parts)} "
                f"({share(n_duplicates, n_rows)}). "
                "Equal rows on both sides of a split make scores look better than they are: remove those that are no "
                "observations of their own.",
            )
        )
    if target is not None and problem in {"binary", "multiclass"}:
        labels = (
            rows.group_by("features", "row").len().group_by("features").agg(pl.col("len").sum() - pl.col("len").max())
        )
        n_conflicts = int(labels["len"].sum())
        if n_conflicts:
            found.append(
                Finding(
                    kind=Kind.CONFLICTING_ROWS,
                    severity=Severity.WARNING if n_conflicts >= MANY_CONFLICTS * n_rows else Severity.INFO,
                    columns=(target,),
                    message=f"Rows that contradict others with the same features in {target!r}: "
                    f"{_about(n_conflicts, parts)} ({share(n_conflicts, n_rows)}). No model can get them right.",
                )
            )
    return found


def _hash(names: list[str]) -> pl.Expr:
    return pl.sum_horizontal(by_name([name]).hash(place) for place, name in enumerate(names))


def _about(count: int, parts: int) -> str:
    return f"{count:,}" if parts == 1 else f"about {count * parts:,}"


def time_order(source: Source, schema: Schema, seed: int) -> list[Finding]:
    """Rows sorted by a time."""
    times = _times(schema)
    if not times:
        return []
    rows = source.some(times, LOOKED_AT, seed)
    found = []
    for series in rows:
        moments = series.alias("moments").drop_nulls()
        is_sorted = moments.is_sorted() or moments.is_sorted(descending=True)
        if is_sorted and moments.n_unique() >= ENOUGH:
            found.append(
                Finding(
                    kind=Kind.TIME_ORDER,
                    severity=Severity.INFO,
                    columns=(series.name,),
                    message=f"The rows are sorted by {series.name!r}. If models are to predict later rows, keep the "
                    "latest ones apart and judge models by them.",
                )
            )
    return found


def time_drift(source: Source, schema: Schema, target: str, seed: int) -> list[Finding]:
    """A target that changes with a time."""
    times = [name for name in _times(schema) if name != target]
    if not times or source.n_rows < ENOUGH:
        return []
    found = []
    for association in associations(source, schema.select((*times, target)), target, seed=seed):
        strongest = max(association.measures, key=lambda measure: abs(measure.value))
        if association.strength >= DRIFT:
            found.append(
                Finding(
                    kind=Kind.TIME_DRIFT,
                    severity=Severity.WARNING,
                    columns=(association.column, target),
                    message=f"{target!r} changes along {association.column!r} "
                    f"({strongest.name} {strongest.value:.2f}). Models judged on rows drawn at random look better than "
                    "they will be on later rows: keep the latest rows apart.",
                )
            )
    return found


def _times(schema: Schema) -> list[str]:
    return [column.name for column in schema.columns if column.type is ColumnType.DATETIME]
