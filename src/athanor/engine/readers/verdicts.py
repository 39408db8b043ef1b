"""What the columns of texts of a file are, judged by all of its rows, some at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from athanor.engine.readers.numbers import infinite_warning
from athanor.engine.readers.texts import (
    WORDS,
    Read,
    Reading,
    check,
    fitting,
    usual,
)
from athanor.engine.readers.ways import known_ways, may_be_value, way_of, ways, ways_of_numbers
from athanor.engine.tables import cells
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage
from athanor.engine.tables.spellings import RIVALS, SPELLINGS
from athanor.errors import InvalidInput

_GLANCE, _GLANCED = 64, 3  # rows in which the first few cells with a value are looked for, to guess what a column is
_STACK = 100_000  # cells: columns of fewer rows are read together, one below the other
_MOSTLY, _NEARLY_ALL = 0.5, 0.9  # shares of cells: a refuted reading is remembered, a person is told of it

_RIVALS = {**RIVALS, **{second: first for first, second in RIVALS.items()}}


@dataclass(slots=True)
class _Column:
    """One column of texts: how it may still be read, and what was seen of it in this pass over the file."""

    name: str
    readings: tuple[Reading, ...]  # the first one is tried; the cells in `seen` have refuted those that stood before it
    known: ColumnSchema | None = None
    seen: list[str] = field(default_factory=list)  # cells that guessed or refuted
    nearly: list[Reading] = field(default_factory=list)  # that many cells fit, though not all
    first_odd: str = ""  # the first cell that refuted what a schema asked for, in words

    is_decided: bool = False  # a cell with a value was seen
    is_typed: bool = False  # a frame with it was handed out
    n_infinite: int = 0
    n_present: int = 0
    n_fitting: dict[str, int] = field(default_factory=dict)  # cells, by what they nearly all are
    first_other: str = ""
    differing: str = ""  # a cell that the rival reads otherwise

    @property
    def reading(self) -> Reading:
        return self.readings[0]

    @property
    def rival(self) -> Reading | None:
        """The other way to read all cells seen so far."""
        name = _RIVALS.get(self.reading.spelling)
        return next((reading for reading in self.readings[1:] if reading.spelling == name), None) if name else None

    def begin(self) -> None:
        """A pass over all rows begins."""
        self.is_typed = False
        self.n_infinite = self.n_present = 0
        self.n_fitting = {}
        self.first_other = self.differing = ""

    def see(self, found: Sequence[str]) -> None:
        """Go on to the first reading that these cells fit."""
        likely = () if self.seen else ways_of_numbers(self.readings, found)
        self.seen.extend(found)
        if likely:
            self.readings = likely
            return
        while self.readings and not all(map(self.readings[0].fits, self.seen)):
            self.readings = self.readings[1:]


class Verdicts:
    """What each column of texts is: all rows decide, a block at a time.

    A column has the first of these readings that all of its cells fit: true or false, whole numbers, numbers, times in
    the usual form, the named spellings, words. A cell refutes a reading for good. Columns that a schema knows have its
    storage, in its spelling or the usual one; a cell that does not fit is named in an InvalidInput.

    A pass over the file hands every block to `typed`. Once that gives None, earlier blocks were typed wrongly: the rest
    of the pass goes to `judge`, and the next call of `typed` begins another pass. That may happen more than once, but
    seldom does, and comes to an end, because readings are only ever refuted.
    """

    def __init__(self, schema: Schema | None = None, decimal: str | None = None) -> None:
        self._schema, self._decimal = schema, decimal
        self._columns: dict[str, _Column] = {}
        self._n_rows = 0  # before this block
        self._is_void = False  # this pass has contradicted itself

    def typed(self, block: pl.DataFrame) -> pl.DataFrame | None:
        """The block with its texts typed; None where that contradicts the blocks before it.

        A column in which no row had a value so far is typed as Null.
        """
        if self._is_void:
            self._n_rows, self._is_void = 0, False
            for column in self._columns.values():
                column.begin()
        found = self._read(block)
        if self._is_void:
            return None
        for name in found:
            column = self._columns[name]
            column.is_typed |= column.is_decided
        return pl.DataFrame([found.get(name, series) for name, series in _named(block)])

    def judge(self, block: pl.DataFrame) -> None:
        """Look at a block that is wanted for nothing else."""
        _ = self._read(block)

    def spellings(self) -> dict[str, str]:
        """The columns that are not spelled the usual way, and the names of their spellings."""
        decided = (column for column in self._columns.values() if column.is_decided)
        return {column.name: column.reading.spelling for column in decided if column.reading.spelling}

    def warnings(self) -> tuple[str, ...]:
        """What the owner of the file should know, after the last pass."""
        habits = self._habits()
        return tuple(warning for column in self._columns.values() for warning in _warnings(column, habits))

    def _read(self, block: pl.DataFrame) -> dict[str, pl.Series]:
        texts = {name: series for name, series in _named(block) if series.dtype == pl.String}
        found: dict[str, pl.Series] = {}
        fresh = [name for name in texts if name not in self._columns]
        self._columns |= {name: self._column(name) for name in fresh}
        undecided = [name for name in texts if not self._columns[name].is_decided]
        for name, first in zip(undecided, _first_cells(block, undecided), strict=True):
            if not _decide(self._columns[name], texts[name], first):
                found[name] = pl.repeat(None, block.height, dtype=pl.Null, eager=True).alias(name)
        decided = [name for name in texts if name not in found]
        pending = decided
        while pending:
            refuted: list[str] = []
            spelled: dict[str, pl.Series] = {}
            for names, read in _read_all({name: self._columns[name].reading for name in pending}, texts):
                if read.odd:  # of one column
                    self._refute(self._columns[names[0]], texts[names[0]], read)
                    refuted += names
                    continue
                found.update(_apart(names, read.values))
                if read.n_infinite:
                    self._columns[names[0]].n_infinite += read.n_infinite
                if self._columns[names[0]].reading.spelling:
                    spelled |= {name: found[name] for name in names}
            self._look_at_rivals(spelled, texts)
            pending = refuted or self._switched(decided)
        for name in decided:
            if self._columns[name].nearly and self._columns[name].reading is WORDS:
                self._count(self._columns[name], texts[name])
        self._n_rows += block.height
        return found

    def _column(self, name: str) -> _Column:
        if self._schema is None or name not in self._schema:
            return _Column(name, ways(name, self._decimal))
        known = self._schema[name]
        return _Column(name, known_ways(known, self._decimal), known, is_decided=True)

    def _refute(self, column: _Column, text: pl.Series, read: Read) -> None:
        """Some cells are odd: the column is read in the next way that they fit."""
        refuted, odd = column.reading, text.gather(list(read.odd)).to_list()
        if not column.first_odd:
            column.first_odd = self._first_odd(column.name, refuted, read.odd, odd)
        n_present = len(text) - text.null_count()
        was_mostly = column.is_typed or n_present - read.n_odd >= _MOSTLY * n_present
        column.see(odd)
        if not column.readings:
            raise InvalidInput(
                f"{column.first_odd}. Mark them as missing, correct them, or leave the column out.", field=column.name
            )
        if was_mostly and not _are_codes(refuted, odd):
            column.nearly.append(refuted)
            if column.reading is WORDS:
                alone = (way_of(cell, ways(column.name, self._decimal)) for cell in odd)
                column.nearly.extend(way for way in alone if way is not None)
        self._is_void |= column.is_typed

    def _first_odd(self, name: str, refuted: Reading, rows: Sequence[int], odd: Sequence[str]) -> str:
        """The first cell that is wrong, in words. A fraction among whole numbers is not wrong."""
        number = usual(Storage.FLOAT, is_lenient=True)
        for row, cell in zip(rows, odd, strict=True):
            if refuted.storage is not Storage.INTEGER or not number.fits(cell):
                return f"Column {name!r} has values that are not {refuted.what} ({self._first(row, cell)})"
        return ""

    def _look_at_rivals(self, spelled: Mapping[str, pl.Series], texts: Mapping[str, pl.Series]) -> None:
        """Whether the cells of columns could as well be spelled in another way."""
        rivals = {name: rival for name in spelled if (rival := self._columns[name].rival) is not None}
        for names, other in _read_all(rivals, texts):
            for name, values in _apart(names, other.values):
                column, rival = self._columns[name], rivals[name]
                if other.odd:
                    column.readings = tuple(reading for reading in column.readings if reading is not rival)
                elif not column.differing and (differs := spelled[name].ne_missing(values)).any():
                    row = int(differs.arg_max() or 0)
                    column.differing = self._first(row, texts[name][row])

    def _habits(self) -> frozenset[str]:
        """Spellings that columns of this file are certain to have."""
        decided = (column for column in self._columns.values() if column.is_decided and column.reading.spelling)
        return frozenset(column.reading.spelling for column in decided if column.rival is None)

    def _switched(self, names: Sequence[str]) -> list[str]:
        """Columns that could be read in two ways and are to be read in the other: as those that leave no doubt."""
        switched = []
        habits = self._habits()
        for column in map(self._columns.__getitem__, names):
            rival = column.rival if column.reading.spelling else None
            if rival is None:
                continue
            first, second = sorted((column.reading, rival), key=lambda reading: reading.spelling not in RIVALS)
            wanted = second if second.spelling in habits and first.spelling not in habits else first
            if wanted is not column.reading:
                column.readings = (wanted, *(reading for reading in column.readings if reading is not wanted))
                self._is_void |= column.is_typed
                switched.append(column.name)
        return switched

    def _count(self, column: _Column, text: pl.Series) -> None:
        """How many words of a column fit what it nearly was."""
        left = text.to_frame("cell").with_row_index("row").filter(pl.col("cell").is_not_null())
        left = left.with_columns(pl.col("cell").str.strip_chars(cells.BLANKS))
        left = left.filter(~pl.col("cell").is_in(list(cells.MISSING_AMONG_VALUES)))
        column.n_present += left.height
        for reading in dict.fromkeys(column.nearly):
            fits = fitting(left["cell"], reading)
            column.n_fitting[reading.what] = column.n_fitting.get(reading.what, 0) + int(fits.sum())
            left = left.filter(~fits)
        if left.height and not column.first_other:
            column.first_other = self._first(*left.row(0))

    def _first(self, row: int, cell: str) -> str:
        shown = cell.strip(cells.BLANKS)
        return f"first: {shown if len(shown) <= 40 else shown[:37] + '...'!r}, row {self._n_rows + row + 1:,}"


def _named(block: pl.DataFrame) -> Iterator[tuple[str, pl.Series]]:
    """The columns with their names, at once: a series is slow to ask for its own."""
    return zip(block.columns, block.get_columns(), strict=True)


def _first_cells(block: pl.DataFrame, names: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    """The first few cells of each of the columns."""
    few = block.head(_GLANCED).select(pl.col(pl.String)) if names else block.clear()
    found = dict(zip(few.columns, zip(*few.rows(), strict=True), strict=True)) if few.height else {}
    return (found.get(name, ()) for name in names)


def _decide(column: _Column, text: pl.Series, first: Sequence[str | None]) -> bool:
    """Guess from the first cells with a value what the column may be, if there are such cells."""
    found = _present(first)
    if len(found) < _GLANCED:
        found = _present(text.head(_GLANCE).to_list())
    if not found and len(text) > _GLANCE and text.null_count() < len(text):
        trimmed = text.drop_nulls().str.strip_chars(cells.BLANKS)
        found = trimmed.filter(~trimmed.is_in(list(cells.MISSING_WORDS))).head(_GLANCED).to_list()
    if not found:
        return False
    column.is_decided = True
    if any(map(may_be_value, found)):
        readings = column.readings
        column.see(found)
        if column.reading is WORDS:
            likely = [way for way in (way_of(cell, readings) for cell in found) if way is not None]
            if len(likely) > _MOSTLY * len(found):
                column.nearly.extend(likely)
    else:
        column.readings = (WORDS,)
    return True


def _present(some: Sequence[str | None]) -> list[str]:
    """The first of some cells that have a value."""
    found: list[str] = []
    for cell in some:
        if cell is not None and cell.strip(cells.BLANKS) not in cells.MISSING_WORDS:
            found.append(cell)
            if len(found) == _GLANCED:
                break
    return found


def _are_codes(refuted: Reading, odd: Sequence[str]) -> bool:
    """Whether the cells that are no numbers are none only because of a leading zero, or their length."""
    number = usual(Storage.FLOAT, is_lenient=True)
    return refuted.storage in {Storage.INTEGER, Storage.FLOAT} and all(map(number.fits, odd))


def _read_all(readings: Mapping[str, Reading], texts: Mapping[str, pl.Series]) -> Iterator[tuple[Sequence[str], Read]]:
    """Each column read as it is thought to be, all of them at once; short ones one below the other.

    What is read stays so for columns in which nothing is odd or infinite: their values stand one below the other.
    """
    alike: dict[Reading, list[str]] = defaultdict(list)
    for name, reading in readings.items():
        alike[reading].append(name)
    stacks: dict[int, list[tuple[list[str], Reading, pl.Series]]] = defaultdict(list)  # by height
    for reading, all_names in alike.items():
        width = max(1, _STACK // max(1, len(texts[all_names[0]])))
        for start in range(0, len(all_names), width):
            stacked = all_names[start : start + width]
            # In one piece: each operation has to begin anew with every piece.
            stack = (
                pl.concat([texts[name] for name in stacked], rechunk=True) if len(stacked) > 1 else texts[stacked[0]]
            )
            stacks[len(stack)].append((stacked, reading, stack))
    for beside in stacks.values():
        frame = pl.DataFrame([stack.alias(f"{place}") for place, (_, _, stack) in enumerate(beside)])
        read = [
            reading.quickly(pl.col(f"{place}"), next(iter(_present(stack.head(_GLANCE).to_list())), "")).alias(
                f"{place}"
            )
            for place, (_, reading, stack) in enumerate(beside)
        ]
        values = frame.lazy().select(read).collect()  # lazily: what an expression uses twice is computed once
        for place, (stacked, reading, stack) in enumerate(beside):
            yield from _checked(stacked, reading, stack, values[f"{place}"])


def _checked(
    stacked: list[str], reading: Reading, stack: pl.Series, values: pl.Series
) -> Iterator[tuple[Sequence[str], Read]]:
    whole = check(stack, values, reading)
    if len(stacked) == 1 or not (whole.odd or whole.n_infinite):
        yield stacked, whole
        return
    for (name, text), (_, column) in zip(_apart(stacked, stack), _apart(stacked, values), strict=True):
        yield (name,), check(text, column, reading)


def _apart(names: Sequence[str], stack: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """The columns that stand one below the other."""
    height = len(stack) // len(names)
    return ((name, stack.slice(place * height, height).alias(name)) for place, name in enumerate(names))


def _warnings(column: _Column, habits: Collection[str]) -> Iterator[str]:
    what, reading = f"Column {column.name!r}", column.reading
    if column.n_infinite:
        yield infinite_warning(column.name, column.n_infinite)
    if reading.spelling and (column.known is None or column.known.spelling != reading.spelling):
        yield f"{what}: {SPELLINGS[reading.spelling].told}."
    if column.differing and column.rival is not None and reading.spelling not in habits:
        yield (
            f"{what} could be spelled {reading.spelling} or {column.rival.spelling}, and no row tells which "
            f"({column.differing}). The first was taken; {_REMEDIES[reading.storage]}."
        )
    n_fitting = sum(column.n_fitting.values())
    if n_fitting and reading is WORDS and n_fitting >= _NEARLY_ALL * column.n_present:
        yield _mixture(column, column.n_present - n_fitting)


_REMEDIES = {
    Storage.DATETIME: "write dates as 2024-03-01 if that is wrong",
    Storage.FLOAT: "say `decimal` if that is wrong",
}


def _mixture(column: _Column, n_others: int) -> str:
    parts = [f"{n:,} {what}" for what, n in column.n_fitting.items() if n]
    if n_others:
        parts.append(f"{n_others:,} other{'s' if n_others > 1 else ''} ({column.first_other})")
    return f"Column {column.name!r} holds {' and '.join(parts)}, so it is kept as words."
