"""Findings about single columns, and about columns that are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from athanor.engine.findings.finding import Finding, Kind, Severity, named, shortened
from athanor.engine.tables.cells import BLANKS
from athanor.engine.tables.facts import LOOKED_AT, Facts, Source, by_name
from athanor.engine.tables.schema import ColumnType, Schema
from athanor.engine.words import share

HIGH_MISSING, NEARLY_MISSING = 0.5, 0.95  # shares of rows without a value, beyond which it is said
MIXED = 0.8  # share of numbers or dates among words from which they are not words for a reason

_NUMBER = r"^[+-]?[$€£¥₹]? ?(?:[0-9]+(?:[., '][0-9]{3})*(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)? ?[%$€£¥₹]?$"
_CODE = r"^[+-]?0[0-9]"  # leading zeros mean no number
_DATE = r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[T ][0-9]{1,2}:[0-9]{2}.*)?$"


def columns_without_use(schema: Schema, counted: Mapping[str, Facts]) -> list[Finding]:
    """Columns that are empty, nearly so, the same in each row, or different in each."""
    shares = {name: counted[name].missing / max(1, counted[name].n_rows) for name in schema.names}
    empty = [name for name in schema.names if not counted[name].present]
    nearly = [name for name in schema.names if NEARLY_MISSING < shares[name] < 1]
    high = [name for name in schema.names if HIGH_MISSING < shares[name] <= NEARLY_MISSING]
    types = {column.name: column.type for column in schema.columns}
    constant = [name for name, type_ in types.items() if type_ is ColumnType.CONSTANT and counted[name].present]
    ids = [name for name, type_ in types.items() if type_ is ColumnType.ID]
    told = (
        (Kind.ALL_MISSING, Severity.WARNING, empty, "without any value. Models do not see empty columns."),
        (Kind.NEARLY_MISSING, Severity.WARNING, nearly, f"mostly without a value{_spelled(shares, nearly)}."),
        (Kind.HIGH_MISSING, Severity.INFO, high, f"often without a value{_spelled(shares, high)}."),
        (Kind.CONSTANT, Severity.INFO, constant, "the same in every row. Models do not see constant columns."),
        (Kind.ID_LIKE, Severity.INFO, ids, "taken for ids. Models see such a column only if it is named as a feature."),
    )
    return [
        Finding(kind=kind, severity=severity, columns=tuple(names), message=f"{named(names)} {_are(names)} {message}")
        for kind, severity, names, message in told
        if names
    ]


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _spelled(shares: Mapping[str, float], names: Sequence[str]) -> str:
    """The shares of the first few, as `named` names them."""
    shown = ", ".join(share(shares[name], 1) for name in names[:5])
    return f": {shown}{', …' if len(names) > 5 else ''} of the rows"


def duplicate_columns(source: Source, schema: Schema, counted: Mapping[str, Facts], seed: int) -> list[Finding]:
    """Columns with the same cells: looked for among some rows, then compared in all."""
    names = [column.name for column in schema.columns if column.type is not ColumnType.CONSTANT]
    if len(names) < 2 or not source.n_rows:
        return []
    rows = source.some(names, LOOKED_AT, seed)
    # One number for a column's cells in their order.
    weights = np.random.default_rng(seed).integers(1, 2**63, rows.height, dtype=np.uint64)
    prints = rows.select(pl.all().hash(seed).mul(pl.Series(weights)).sum()).row(0)
    alike: dict[tuple[object, ...], list[str]] = {}
    for name, print_ in zip(names, prints, strict=True):
        found = counted[name]
        key = (source.dtypes[name], found.missing, found.minimum, found.maximum, print_)
        alike.setdefault(key, []).append(name)
    groups = [group for group in alike.values() if len(group) > 1]
    pairs = [(group[0], other) for group in groups for other in group[1:]]
    answers = source.answer([by_name([one]).eq_missing(by_name([other])).all().alias(other) for one, other in pairs])
    is_same = {other: same for (_, other), same in zip(pairs, answers, strict=True)}
    return shortened(
        [_duplicates(same) for group in groups if len(same := [group[0], *filter(is_same.get, group[1:])]) > 1]
    )


def _duplicates(names: Sequence[str]) -> Finding:
    return Finding(
        kind=Kind.DUPLICATE_COLUMNS,
        severity=Severity.WARNING,
        columns=tuple(names),
        message=f"{named(names)} hold the same in every row. Leave all but {names[0]!r} out.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MostlyValues:
    """A column of words most of which are numbers or dates."""

    what: str
    share: float
    n_others: int
    first: str  # of the others
    row: int  # from 1


def mixed_types(source: Source, schema: Schema, seed: int) -> list[Finding]:
    """Columns that are read as words because of a few cells."""
    return shortened([_mixed(name, found) for name, found in mostly_values(source, schema.names, seed).items()])


def _mixed(name: str, found: MostlyValues) -> Finding:
    return Finding(
        kind=Kind.MIXED_TYPES,
        severity=Severity.WARNING,
        columns=(name,),
        message=f"Column {name!r} is read as words, though {share(found.share, 1)} of its values are {found.what}: "
        f"{found.n_others:,} are not (first: {found.first[:60]!r}, row {found.row:,}). Correct them, or leave those "
        "cells empty.",
    )


def mostly_values(source: Source, names: Sequence[str], seed: int) -> dict[str, MostlyValues]:
    """Those of the columns that are words and mostly numbers or dates.

    Some rows are looked at first, then all rows of the columns that look so.
    """
    words = [name for name in names if source.dtypes[name] == pl.String]
    found: dict[str, MostlyValues] = {}
    if not words:
        return found
    rows = source.some(words, LOOKED_AT, seed)
    for what, fits in (("numbers", _is_number), ("dates", _is_date)):
        shares = rows.select(fits(pl.all()).mean()).row(0)
        for name, likely in zip(words, shares, strict=True):
            if likely is not None and likely >= MIXED:
                counted = _others(source, name, what, fits)
                # A column of nothing but numbers is words for a reason, such as leading zeros.
                if counted.n_others and counted.share >= MIXED:
                    found[name] = counted
    return found


def _others(source: Source, name: str, what: str, fits: Callable[[pl.Expr], pl.Expr]) -> MostlyValues:
    present = source.lazy.select(by_name([name]).alias("cell")).with_row_index("row", 1).drop_nulls("cell")
    asked = present.select("row", "cell", pl.len().alias("n_present"), fits(pl.col("cell")).alias("fits"))
    others = asked.filter(pl.col("fits").not_())
    [[n_present, n_others, first, row]] = source.collect(
        others.select(pl.col("n_present").first(), pl.len(), pl.col("cell").first(), pl.col("row").first())
    ).rows()
    return MostlyValues(
        what=what,
        share=1 - n_others / n_present if n_others else 1.0,
        n_others=n_others,
        first=first or "",
        row=row or 0,
    )


def _is_number(column: pl.Expr) -> pl.Expr:
    trimmed = column.str.strip_chars(BLANKS)
    return trimmed.str.contains(_NUMBER) & trimmed.str.contains(_CODE).not_()


def _is_date(column: pl.Expr) -> pl.Expr:
    return column.str.strip_chars(BLANKS).str.contains(_DATE)
