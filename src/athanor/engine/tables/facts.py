"""What is counted of every column of a table, all columns in one pass over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import polars as pl
from polars import selectors

from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput

COUNTED_EXACTLY = 2_000_000  # rows up to which all distinct values are counted; of more rows they are estimated first,
FEW_DISTINCT = 1_000_000  # counted up to so many,
_PARTS = 16  # and beyond in one of so many parts
LOOKED_AT = 20_000  # rows, drawn from the table, whose words are measured
DISTINCT_LOOKED_AT = 2_000  # distinct words of those rows
HELD_BYTES = 512 * 1024**2  # a scan that takes up less is read into memory, before it is asked often
_FIRST_CELLS = 100_000  # from which its size is estimated
LARGEST_SAMPLE = 20_000_000  # values that are read at a time to be looked at
_LEAST_ROWS = 1_000  # however many columns there are
_SEED = 0

# Writing without blanks between words counts its characters as words.
WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]|[^\s]+"
IMAGE = r"(?i)^\S.*\.(?:jpe?g|png|gif|bmp|webp|tiff?)(?:[?#]\S*)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One column, all rows counted. None stands where a figure makes no sense, or no row has a value.

    missing         rows without a value; an infinite number is none
    distinct        distinct values, missing not counted; not of vectors, and of floats and times only if asked for
    minimum         least value as Python says it, of times microseconds since 1970; not of words and vectors
    is_approximate  `distinct` is an estimate
    """

    n_rows: int
    missing: int
    distinct: int | None = None
    is_approximate: bool = False
    minimum: Any = None
    maximum: Any = None

    @property
    def present(self) -> int:
        return self.n_rows - self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFacts:
    """The distinct words of some rows: means of their number of words and characters, and shares of them."""

    words: float
    length: float
    with_blanks: float  # share
    images: float  # share that ends as a picture's path does


def by_name(names: Sequence[str]) -> pl.Expr:
    """The columns of these names. `pl.col` takes some names, such as `*`, for patterns; so do methods of a series."""
    return selectors.by_name(*names).as_expr()


class Source:
    """A table in memory, or a scan of one that may be larger than memory: both are asked the same way."""

    def __init__(self, frame: pl.DataFrame | pl.LazyFrame) -> None:
        lazy = frame.lazy()
        self.dtypes: dict[str, pl.DataType] = dict(lazy.collect_schema())
        floats = [name for name, dtype in self.dtypes.items() if dtype.is_float()]
        if isinstance(frame, pl.DataFrame):  # of many columns most need no look at each cell whenever one is asked
            floats = _perhaps_infinite(frame, floats)
        # Neither NaN nor an infinite number is a value.
        self.lazy = lazy.with_columns(pl.when(by_name(floats).is_finite()).then(by_name(floats))) if floats else lazy
        self.is_scan = isinstance(frame, pl.LazyFrame)
        self.n_rows: int = lazy.select(pl.len()).collect().item() if isinstance(frame, pl.LazyFrame) else frame.height

    @property
    def names(self) -> list[str]:
        return list(self.dtypes)

    def answer(self, questions: Sequence[pl.Expr]) -> list[Any]:
        """One value for each column of each question, in order."""
        found = self.collect(self.lazy.select(questions))
        return list(found.row(0)) if found.width else []

    def collect(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        return lazy.collect(engine="streaming" if self.is_scan else "in-memory")

    def some(self, names: Sequence[str], rows: int, seed: int) -> pl.DataFrame:
        """A sample of so many rows, or fewer where there are many columns or long vectors."""
        width = sum(_width(self.dtypes[name]) for name in names)
        return self.sample(names, min(rows, max(_LEAST_ROWS, LARGEST_SAMPLE // max(1, width))), seed)

    def sample(self, names: Sequence[str], rows: int, seed: int) -> pl.DataFrame:
        """Some columns of `rows` rows (of a scan: about so many), drawn uniformly and in their order; all if fewer.

        The same rows for the same seed, whatever the columns.
        """
        lazy = self.lazy.select(by_name(names))
        if self.n_rows <= rows:
            return self.collect(lazy)
        if self.is_scan:
            drawn = pl.col("\0row").hash(seed) < pl.lit(int(rows / self.n_rows * 2**64), pl.UInt64)
            return self.collect(lazy.with_row_index("\0row").filter(drawn).drop("\0row"))
        places = pl.int_range(self.n_rows, eager=True).sample(rows, seed=seed).sort()
        return self.collect(lazy.select(pl.all().gather(places)))


def _perhaps_infinite(frame: pl.DataFrame, floats: Sequence[str]) -> list[str]:
    """The columns of floats that may hold NaN or an infinite number: then their sum is no finite one either."""
    sums = frame.select(by_name(floats).sum()).row(0) if floats else ()
    return [name for name, total in zip(floats, sums, strict=True) if not isfinite(total)]


def _width(dtype: pl.DataType) -> int:
    """Values in a cell; of a sparse vector a guess."""
    if dtype == pl.Array:
        return int(dtype.shape[0])  # type: ignore[attr-defined]
    return 100 if dtype == pl.Struct else 1


def held(frame: pl.DataFrame | pl.LazyFrame, held_bytes: int | None = None) -> pl.DataFrame | pl.LazyFrame:
    """The table in memory where it is small, at most `held_bytes`: it will be asked often."""
    if isinstance(frame, pl.DataFrame):
        return frame
    n_rows = int(frame.select(pl.len()).collect().item())
    first = frame.head(max(_FIRST_CELLS // max(1, len(frame.collect_schema())), 1)).collect()
    is_small = first.estimated_size() / max(1, first.height) * n_rows <= (held_bytes or HELD_BYTES)
    return frame.collect() if is_small else frame


def storage_of(name: str, dtype: pl.DataType) -> Storage:
    """How a column of a frame is stored. Raises InvalidInput for what no reader makes."""
    for storage, is_one in _DTYPES.items():
        if is_one(dtype):
            return storage
    raise InvalidInput(f"Column {name!r} holds {dtype}, which no column of a table here can.", field=name)


_DTYPES: Mapping[Storage, Callable[[pl.DataType], bool]] = {
    Storage.FLOAT: lambda dtype: dtype.is_float(),
    Storage.INTEGER: lambda dtype: dtype.is_integer(),
    Storage.BOOLEAN: lambda dtype: dtype == pl.Boolean,
    Storage.STRING: lambda dtype: dtype in {pl.String, pl.Null},
    Storage.DATETIME: lambda dtype: dtype == pl.Datetime,
    Storage.DENSE: lambda dtype: dtype == pl.Array,
    Storage.SPARSE: lambda dtype: dtype == pl.Struct,
}


def facts(source: Source, names: Sequence[str], *, all_distinct: bool = False) -> dict[str, Facts]:
    """The facts of the columns `names`. `all_distinct` asks for distinct floats and times, too."""
    by_storage: dict[Storage, list[str]] = {storage: [] for storage in Storage}
    for name in names:
        by_storage[storage_of(name, source.dtypes[name])].append(name)
    times = by_storage[Storage.DATETIME]
    measured = [*by_storage[Storage.FLOAT], *times]
    counted = [*by_storage[Storage.INTEGER], *by_storage[Storage.STRING], *(measured if all_distinct else ())]
    plain = [*by_storage[Storage.INTEGER], *by_storage[Storage.BOOLEAN], *by_storage[Storage.FLOAT]]
    ordered = [*plain, *times]
    is_long = source.n_rows > COUNTED_EXACTLY
    distinct = by_name(counted).approx_n_unique() if is_long else by_name(counted).n_unique()
    answers = iter(
        source.answer(
            [
                by_name(names).null_count().name.suffix("\0missing"),
                by_name(plain).min().name.suffix("\0least"),
                by_name(times).to_physical().min().name.suffix("\0least"),
                by_name(plain).max().name.suffix("\0most"),
                by_name(times).to_physical().max().name.suffix("\0most"),
                distinct.name.suffix("\0distinct"),
            ]
        )
    )
    missing = {name: int(next(answers)) for name in names}
    least = {name: next(answers) for name in ordered}
    most = {name: next(answers) for name in ordered}
    found = {name: int(next(answers)) for name in counted}
    many = [name for name in counted if is_long and found[name] > FEW_DISTINCT]
    if is_long:
        found = _distinct(source, [name for name in counted if name not in many], many)
    found = {name: count - (missing[name] > 0) for name, count in found.items()}
    found |= {name: int(least[name] is not None) + (least[name] != most[name]) for name in by_storage[Storage.BOOLEAN]}
    return {
        name: Facts(
            n_rows=source.n_rows,
            missing=missing[name],
            # An estimate may be more than there are.
            distinct=min(found[name], source.n_rows - missing[name]) if name in found else None,
            is_approximate=name in many,
            minimum=least.get(name),
            maximum=most.get(name),
        )
        for name in names
    }


def _distinct(source: Source, few: list[str], many: list[str]) -> dict[str, int]:
    """Distinct values (missing is one) of columns of a long table, one of which is in memory at a time.

    Many values are counted in part. All rows of a value fall into the same part, so that what is left to chance is
    small (1 % for 160,000 values).
    """
    found = {name: int(source.answer([by_name([name]).n_unique()])[0]) for name in few}
    for name in many:
        part = source.lazy.select(by_name([name])).filter(pl.all().hash(_SEED) % _PARTS == 0)
        found[name] = int(source.collect(part.select(pl.all().n_unique())).item()) * _PARTS
    return found


def moment(microseconds: int) -> str:
    """A time as ISO 8601 spells it; years that Python's datetime lacks, too."""
    spelled = str(np.datetime64(microseconds, "us"))
    return spelled.removesuffix(".000000").removesuffix("T00:00:00")


def word_facts(source: Source, names: Sequence[str]) -> dict[str, WordFacts]:
    """The words of columns `names`, which hold at least one."""
    if not names:
        return {}
    rows = source.some(names, LOOKED_AT, _SEED)
    found = pl.all().drop_nulls().unique(maintain_order=True).head(DISTINCT_LOOKED_AT)
    measures = [
        found.str.count_matches(WORD).mean().name.suffix("\0words"),
        found.str.len_chars().mean().name.suffix("\0length"),
        found.str.contains(r"\s").mean().name.suffix("\0blanks"),
        found.str.contains(IMAGE).mean().name.suffix("\0images"),
    ]
    answers = rows.select(measures).row(0)
    width = len(names)
    return {
        name: WordFacts(
            words=answers[place] or 0.0,
            length=answers[width + place] or 0.0,
            with_blanks=answers[2 * width + place] or 0.0,
            images=answers[3 * width + place] or 0.0,
        )
        for place, name in enumerate(names)
    }
