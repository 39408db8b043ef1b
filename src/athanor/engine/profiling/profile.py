"""A table at a glance: what each column holds, in numbers that a page or an answer can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from athanor.engine.findings import Finding, findings_of
from athanor.engine.findings.finding import Kind, Severity
from athanor.engine.profiling.distributions import Histogram, ValueCount, of_ordered, of_values, of_vectors
from athanor.engine.tables.association import Association, Correlations, Measure, associations, correlations
from athanor.engine.tables.facts import LOOKED_AT, WORD, Facts, Source, by_name, facts, held, moment
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

LARGEST = 2_000_000  # rows up to which distributions are of all rows; beyond, of a uniform sample of so many


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """One column. None stands where a figure makes no sense for the storage, or no row has a value.

    distinct   distinct values, missing not counted; None for vectors
    minimum …  of numbers; a time's first and last are spelled in `first` and `last`
    mean       of numbers; of truth values the share of true
    quantiles  pairs of level and value, levels in (0, 1)
    top        most frequent values of words, truth values and integer codes, most frequent first
    length     mean characters of words; `words` their mean number of words
    norm …     of vectors: mean length, share of components that are 0, mean number of others in a row
    """

    name: str
    type: str
    storage: str
    reason: str
    missing: int
    distinct: int | None = None
    is_distinct_approximate: bool = False
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    std: float | None = None
    zeros: int | None = None
    quantiles: tuple[tuple[float, float], ...] | None = None
    histogram: Histogram | None = None
    first: str | None = None
    last: str | None = None
    top: tuple[ValueCount, ...] | None = None
    length: float | None = None
    words: float | None = None
    dim: int | None = None
    norm: float | None = None
    zero_share: float | None = None
    nonzeros: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A table. Counts are of `counted_rows`, distributions of `profiled_rows`: fewer than `n_rows` of a sample."""

    n_rows: int
    counted_rows: int
    profiled_rows: int
    target: str | None
    columns: tuple[ColumnProfile, ...]
    findings: tuple[Finding, ...]
    associations: tuple[Association, ...]
    correlations: Correlations | None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; no NaN among them. docs/reference/profile.md describes them."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Profile:
        """What `to_json` said, also after it was JSON."""
        correlated = given["correlations"]
        return cls(
            n_rows=given["n_rows"],
            counted_rows=given["counted_rows"],
            profiled_rows=given["profiled_rows"],
            target=given["target"],
            columns=tuple(map(_column_from_json, given["columns"])),
            findings=tuple(
                Finding(
                    kind=Kind(each["kind"]),
                    severity=Severity(each["severity"]),
                    columns=tuple(each["columns"]),
                    message=each["message"],
                )
                for each in given["findings"]
            ),
            associations=tuple(
                Association(
                    column=each["column"],
                    strength=each["strength"],
                    measures=tuple(Measure(**measure) for measure in each["measures"]),
                )
                for each in given["associations"]
            ),
            correlations=None
            if correlated is None
            else Correlations(
                columns=tuple(correlated["columns"]), matrix=tuple(tuple(row) for row in correlated["matrix"])
            ),
        )


def _column_from_json(given: Mapping[str, Any]) -> ColumnProfile:
    fields = dict(given)
    if given["quantiles"] is not None:
        fields["quantiles"] = tuple(tuple(pair) for pair in given["quantiles"])
    if given["histogram"] is not None:
        histogram = given["histogram"]
        fields["histogram"] = Histogram(edges=tuple(histogram["edges"]), rows=tuple(histogram["rows"]))
    if given["top"] is not None:
        fields["top"] = tuple(ValueCount(**each) for each in given["top"])
    return ColumnProfile(**fields)


def profile(
    frame: pl.DataFrame | pl.LazyFrame,
    schema: Schema,
    *,
    target: str | None = None,
    sample_rows: int | None = None,
    seed: int = 0,
) -> Profile:
    """The profile of all rows, or of `sample_rows` of them drawn with `seed`. Memory is bounded for a scan."""
    if target is not None:
        _ = schema[target]
    source = Source(held(frame.select(by_name(schema.names))))
    n_rows = source.n_rows
    if sample_rows is not None:
        source = Source(source.some(schema.names, sample_rows, seed))
    counted = facts(source, schema.names, all_distinct=source.n_rows > LARGEST)
    figures = _figures(source, schema, counted, seed)
    return Profile(
        n_rows=n_rows,
        counted_rows=source.n_rows,
        profiled_rows=min(source.n_rows, LARGEST),
        target=target,
        columns=tuple(
            ColumnProfile(
                name=column.name,
                type=column.type.value,
                storage=column.storage.value,
                reason=column.reason,
                **figures[column.name],
            )
            for column in schema.columns
        ),
        findings=findings_of(source, schema, counted, target=target, seed=seed),
        associations=() if target is None else associations(source, schema, target, seed=seed),
        correlations=correlations(source, schema, seed=seed),
    )


def _figures(source: Source, schema: Schema, counted: Mapping[str, Facts], seed: int) -> dict[str, dict[str, Any]]:
    """What is told of each column, by its storage."""
    figures = {column.name: _counts(column, counted[column.name]) for column in schema.columns}
    present = [column for column in schema.columns if counted[column.name].present]
    numbers = [column for column in present if column.storage in {Storage.FLOAT, Storage.INTEGER}]
    times = [column for column in present if column.storage is Storage.DATETIME]
    words = [column.name for column in present if column.storage is Storage.STRING]
    truths = [column.name for column in present if column.storage is Storage.BOOLEAN]
    codes = [column.name for column in numbers if column.type is ColumnType.CATEGORICAL]
    for name, found in (
        *of_ordered(source, [*numbers, *times], largest=LARGEST, seed=seed),
        *of_values(source, [*words, *truths, *codes], largest=LARGEST, seed=seed),
        *_means(source, [column.name for column in numbers], truths, words),
        *_words(source, words, seed),
        *((column.name, of_vectors(source, column, seed)) for column in present if column.dim is not None),
    ):
        figures[name] |= found
    return figures


def _counts(column: ColumnSchema, counted: Facts) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "missing": counted.missing,
        "distinct": counted.distinct,
        "is_distinct_approximate": counted.is_approximate,
        "dim": column.dim,
    }
    if column.storage in {Storage.FLOAT, Storage.INTEGER, Storage.DATETIME}:
        figures["distinct"] = counted.distinct if counted.present else 0
    if counted.minimum is None or column.storage is Storage.BOOLEAN:
        return figures
    if column.storage is Storage.DATETIME:
        return figures | {"first": moment(counted.minimum), "last": moment(counted.maximum)}
    return figures | {"minimum": float(counted.minimum), "maximum": float(counted.maximum)}


def _means(
    source: Source, numbers: list[str], truths: list[str], words: list[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    answers = iter(
        source.answer(
            [
                by_name(numbers).mean().name.suffix("\0mean"),
                by_name(numbers).std(ddof=0).name.suffix("\0std"),
                (by_name(numbers) == 0).sum().name.suffix("\0zeros"),
                by_name(truths).mean().name.suffix("\0share"),
                by_name(words).str.len_chars().mean().name.suffix("\0length"),
            ]
        )
    )
    for figure, names in (("mean", numbers), ("std", numbers), ("zeros", numbers), ("mean", truths), ("length", words)):
        for name in names:
            value = next(answers)
            # Sums of numbers near the largest float may overflow.
            yield name, {figure: value if value is not None and math.isfinite(value) else None}


def _words(source: Source, names: list[str], seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    counts = source.some(names, LOOKED_AT, seed).select(pl.all().str.count_matches(WORD).mean())
    for series in counts:
        yield series.name, {"words": series[0]}
