"""LIBSVM text (also known as SVMlight): a label and the entries of a sparse vector in each line."""

from __future__ import annotations

import codecs
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from athanor.engine.readers import Notes, ReaderOptions
from athanor.engine.tables.frames import sparse_series
from athanor.errors import InvalidInput

LABEL, QUERY, FEATURES = "label", "qid", "features"
_BLOCK = 8 * 1024**2  # bytes of text: their tokens take some twenty times as much for a moment
_LONGEST_LINE = 256 * 1024**2
_LARGEST_INDEX = 2**31 - 2
_ENDINGS = (".svm", ".libsvm", ".svmlight")
_LOOKED_AT = 100  # lines

_NUMBER = rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_PAIRS = rb"(?:[ \t]+qid:\d+)?(?:[ \t]+\d+:" + _NUMBER + rb")*[ \t]*(?:#.*)?\r?"
_LINE = re.compile(rb"[ \t]*" + _NUMBER + rb"(?:," + _NUMBER + rb")*" + _PAIRS)
_LINE_OF_WORD = re.compile(rb"[ \t]*[^\s:#]+" + _PAIRS)
_BLANKS = bytes.maketrans(b"\t\r\v\f", b"    ")


class LibSvm:
    """`label [qid:n] index:value … [# comment]`, indices from 0 or from 1."""

    format = "libsvm"

    def claims(self, head: bytes, filename: str) -> bool:
        """By its ending where half of the first lines are right; otherwise strictly: one line that is not, and it is
        something else. A time of day would pass for a pair, so that some line must have two.
        """
        is_named = filename.lower().endswith(_ENDINGS)
        lines = head.removeprefix(codecs.BOM_UTF8).split(b"\n")[:_LOOKED_AT]
        if len(lines) > 1:
            lines = lines[:-1]  # the last one may be cut off, and is nothing where the one before it ends
        lines = [line for line in lines if line.strip() and not line.lstrip().startswith(b"#")]
        pairs = max((line.partition(b"#")[0].count(b":") for line in lines), default=0)
        if is_named:
            return pairs > 0 and 2 * sum(_LINE_OF_WORD.fullmatch(line) is not None for line in lines) >= len(lines)
        return pairs > 1 and all(_LINE.fullmatch(line) for line in lines)

    def open(self, file: Path, options: ReaderOptions) -> _Opened:
        return _Opened(file, options, has_query=_has(file, b"qid:"))


LIBSVM = LibSvm()


@dataclass(slots=True)
class _Seen:
    """What is counted on the way through the file."""

    lowest: int = _LARGEST_INDEX
    highest: int = 0
    n_sorted: int = 0
    not_utf8: int | None = None  # line


@dataclass(frozen=True, slots=True)
class _Opened:
    file: Path
    options: ReaderOptions
    has_query: bool
    is_spelled: bool = True  # the labels

    def blocks(self, notes: Notes) -> Iterator[pl.DataFrame]:
        """Indices stay as they are written, whether they count from 0 or 1, so that files of one kind always agree."""
        seen, line = _Seen(), 1
        for raw in _chunks(self.file):
            block = self._block(raw, line, seen, notes)
            line += raw.count(b"\n")
            if block.height:
                yield block
        notes.dims[FEATURES] = max(seen.highest + 1, self.options.dim or 1)
        if 0 < seen.lowest <= seen.highest:
            notes.warnings.append(
                f"The indices count from 1. Components keep their index, so {FEATURES}[0] is 0 in every row."
            )
        if seen.n_sorted:
            notes.warnings.append(f"The indices of {seen.n_sorted:,} rows were not ascending and were sorted.")
        if seen.not_utf8 is not None:
            notes.warnings.append(f"Line {seen.not_utf8} is not UTF-8 and was read as Windows-1252 (cp1252).")

    def _block(self, raw: bytes, first_line: int, seen: _Seen, notes: Notes) -> pl.DataFrame:
        text = self._decoded(raw.translate(_BLANKS), first_line, seen)
        lines = pl.Series([text.removesuffix("\n")]).str.split("\n").explode()
        data = lines.str.splitn("#", 2).struct.field("field_0") if "#" in text else lines
        # "row" is the line's place in the block.
        tokens = pl.DataFrame({"row": np.arange(len(lines), dtype=np.int64), "token": data.str.split(" ")})
        tokens = tokens.explode("token").filter(pl.col("token") != "")
        is_first = (pl.col("row") != pl.col("row").shift(1)).fill_null(value=True)
        tokens = tokens.with_columns(is_label=is_first & ~pl.col("token").str.contains(":", literal=True))
        rows = tokens.select(pl.col("row").unique(maintain_order=True))
        labels = tokens.filter("is_label").select("row", label="token")
        pairs = (
            tokens.filter(~pl.col("is_label"))
            .with_columns(pl.col("token").str.splitn(":", 2).alias("parts"))
            .unnest("parts")
            .rename({"field_0": "key", "field_1": "cell"})
        )
        queries = pairs.filter(pl.col("key") == QUERY) if self.has_query else pairs.clear()
        if queries.height:
            pairs = pairs.filter(pl.col("key") != QUERY)
        pairs = pairs.with_columns(
            index=pl.col("key").cast(pl.Int64, strict=False), value=pl.col("cell").cast(pl.Float32, strict=False)
        )
        wrong = self._wrong(labels, queries, pairs)
        pairs = pairs.select("row", "index", "value")
        is_out_of_order = (pl.col("row") == pl.col("row").shift(1)) & (pl.col("index") <= pl.col("index").shift(1))
        if pairs.select(is_out_of_order.any()).item():
            pairs, twice = self._ascending(pairs, seen)
            wrong = pl.concat([wrong, twice])
        if wrong.height:
            wrong = wrong.unique("row", keep="first", maintain_order=True).sort("row")
            for row, reason in wrong.iter_rows():
                notes.reject(first_line + row, reason, lines[row])
            rows, labels, queries, pairs = (
                part.join(wrong, on="row", how="anti", maintain_order="left") for part in (rows, labels, queries, pairs)
            )
        return self._frame(rows, labels, queries, pairs, seen)

    def _decoded(self, raw: bytes, first_line: int, seen: _Seen) -> str:
        try:
            return raw.decode(self.options.encoding or "utf-8")
        except UnicodeError as error:
            if self.options.encoding is not None:
                raise InvalidInput(f"The text is not {self.options.encoding}: {error}", field="encoding") from error
            if seen.not_utf8 is None and isinstance(error, UnicodeDecodeError):
                seen.not_utf8 = first_line + raw.count(b"\n", 0, error.start)
            return raw.decode("cp1252", errors="replace")

    def _wrong(self, labels: pl.DataFrame, queries: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
        """The rows that are not as they should be, and why; a row may come more than once."""
        # Of `dim` components the last one is `dim` itself where a file counts from 1.
        largest = _LARGEST_INDEX if self.options.dim is None else self.options.dim
        index = pl.col("index")
        checks = (
            (labels, pl.col("label").str.contains(","), "several labels, where one is expected: {}", "label"),
            (labels, pl.col("label").str.contains("\0", literal=True), "a NUL byte in the label {}", "label"),
            (queries, pl.col("row").is_duplicated(), "qid more than once: {}", "token"),
            (pairs, index.is_null() | pl.col("value").is_null(), "expected index:value, got {}", "token"),
            (pairs, ~pl.col("value").is_finite(), "the value is not a finite float32 number: {}", "token"),
            (pairs, (index < 0) | (index > largest), f"the index is not one of 0 to {largest}: {{}}", "token"),
        )
        found = [
            part.filter(check).select("row", reason=pl.format(reason, pl.col(shown).str.head(60)))
            for part, check, reason, shown in checks
        ]
        return pl.concat(found)

    def _ascending(self, pairs: pl.DataFrame, seen: _Seen) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The entries of each row by index, and the rows that have an index twice."""
        is_within = pl.col("row") == pl.col("row").shift(1)
        seen.n_sorted += pairs.filter(is_within & (pl.col("index") < pl.col("index").shift(1)))["row"].n_unique()
        ordered = pairs.sort("row", "index", maintain_order=True)
        twice = ordered.filter(is_within & (pl.col("index") == pl.col("index").shift(1)))
        return ordered, twice.select("row", reason=pl.format("the index {} more than once", "index"))

    def _frame(
        self, rows: pl.DataFrame, labels: pl.DataFrame, queries: pl.DataFrame, pairs: pl.DataFrame, seen: _Seen
    ) -> pl.DataFrame:
        if pairs.height:
            lowest, highest = pairs.select(pl.col("index").min(), pl.col("index").max().alias("highest")).row(0)
            seen.lowest, seen.highest = min(seen.lowest, lowest), max(seen.highest, highest)
        frame = rows.join(labels, on="row", how="left", maintain_order="left")
        # "+1" beside "-1" is a number as people write it here.
        columns = [frame["label"].str.replace(r"^\+([\d.])", "$1").alias(LABEL)]
        if self.has_query:
            columns.append(rows.join(queries, on="row", how="left", maintain_order="left")["cell"].alias(QUERY))
        places = rows["row"].search_sorted(pairs["row"])
        counts = np.bincount(places.to_numpy(), minlength=rows.height)
        indices, values = pairs["index"].cast(pl.UInt32).to_numpy(), pairs["value"].to_numpy()
        return pl.DataFrame([*columns, sparse_series(FEATURES, counts, indices, values)])


def _chunks(file: Path) -> Iterator[bytes]:
    """Whole lines, about `_BLOCK` bytes at a time."""
    with file.open("rb") as content:
        left = content.read(_BLOCK).removeprefix(codecs.BOM_UTF8)
        while more := content.read(_BLOCK):
            end = left.rfind(b"\n") + 1
            if end:
                yield left[:end]
            left = left[end:] + more
            if len(left) > _LONGEST_LINE:
                raise InvalidInput(f"A line is longer than {_LONGEST_LINE:,} bytes. Is this a libsvm file?")
        if left:
            yield left


def _has(file: Path, word: bytes) -> bool:
    """Whether a token of the file begins with `word`; comments do not count."""
    with file.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as text:
        place = text.find(word)
        while place >= 0:
            line = text.rfind(b"\n", 0, place) + 1
            if (place == line or text[place - 1 : place] in b" \t") and text.find(b"#", line, place) < 0:
                return True
            place = text.find(word, place + 1)
    return False
