"""Text cut into blocks of whole rows, each row counted; those that cannot be read are rejected with their lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from athanor.engine.readers import Notes
from athanor.engine.readers.layout import Layout
from athanor.engine.readers.mending import mended
from athanor.engine.readers.scan import Scan, scan, with_plain_line_ends
from athanor.engine.readers.separators import aligned, unescaped
from athanor.errors import TooLarge

LONGEST_RECORD = 64 * 1024**2  # bytes; a quote that closes later is taken for one that never does
_MISSING = -1


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a text, each with as many fields as its layout says.

    n_rows     rows of `content`, counted on all bytes, to check a reading against
    positions  of a single column with blank lines: which row of `content` stands in each row, -1 for a missing value
    """

    content: bytes
    n_rows: int
    positions: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the records of a text stand in the file."""

    line: int  # that the text begins on
    found: Scan
    gaps: Sequence[tuple[int, int]]

    def of(self, row: int) -> int:
        """The number of the line that a record begins on."""
        start = self.found.starts[row]
        left_out = sum(n_lines for place, n_lines in self.gaps if place <= start)
        return self.line + int(np.searchsorted(self.found.newlines, start)) + left_out


@dataclass(slots=True)
class Cutter:
    """Cuts one text, and notes what it leaves out."""

    layout: Layout
    notes: Notes
    _line: int = 1  # that the text ahead begins on
    _n_blank: int = 0  # blank lines since the last row
    _n_blank_between: int = 0
    _n_letters: int = 0
    _first_letters: int = 0
    _n_repeated: int = 0
    _first_repeated: int = 0
    _header: bytes | None = field(init=False)

    def __post_init__(self) -> None:
        header = self.layout.header
        is_telling = header is not None and "\n" not in header and len(self.layout.names) > 1
        self._header = header.encode() if header is not None and is_telling else None

    def blocks(self, pieces: Iterator[bytes]) -> Iterator[Block]:
        """The rows of a text in UTF-8 that comes in pieces."""
        layout = self.layout
        held = rest = b""
        n_above = layout.n_above
        piece = next(pieces, b"")
        while piece:
            following = next(pieces, b"")
            fresh, held = held + piece, b""
            if following:  # what its end means, the next piece may say
                kept = fresh.rstrip(b"\r\\ \t")
                fresh, held = kept, fresh[len(kept) :]
            if layout.is_escaped:
                fresh = unescaped(fresh.decode(), layout.quote).encode()
            content = rest + fresh
            if b"\r" in content:
                content = with_plain_line_ends(content, layout.quote)
            if n_above:
                content, n_above = self._without_top(content, n_above)
            if layout.is_aligned:
                content = aligned(content.decode()).encode()
            block, rest = self._cut(content, is_last=not following)
            if block is not None:
                yield block
            piece = following
        self._tell()

    def _without_top(self, content: bytes, n_lines: int) -> tuple[bytes, int]:
        """The text below its first lines, and how many of these are still to come."""
        at = 0
        while n_lines:
            end = content.find(b"\n", at)
            if end < 0:
                break
            at, n_lines = end + 1, n_lines - 1
            self._line += 1
        return content[at:], n_lines

    def _cut(self, content: bytes, *, is_last: bool) -> tuple[Block | None, bytes]:
        """The whole rows at the beginning of the text, and the rest of it."""
        layout = self.layout
        found = scan(content, layout.delimiter, layout.quote, is_last=is_last)
        if found.is_tidy and (found.stop or len(content) <= LONGEST_RECORD):
            return self._block(content, found, ()), content[found.stop :]
        text = with_plain_line_ends(content, "").decode()
        result = mended(text, layout, self._line, is_last=is_last, longest=LONGEST_RECORD)
        if len(result.rest) > LONGEST_RECORD:
            raise TooLarge(
                f"Line {self._line} or one below is longer than {LONGEST_RECORD:,} bytes. Is this a table with one row "
                "a line? Say its `format`, or break the line."
            )
        for reject in result.rejects:
            self.notes.reject(reject.line, reject.reason, reject.text)
        if result.letters:
            self._first_letters = self._first_letters or result.letters[0]
            self._n_letters += len(result.letters)
        found = scan(result.content, layout.delimiter, layout.quote)
        block = self._block(result.content, found, result.gaps)
        self.notes.rejects.sort(key=lambda reject: reject.line)
        return block, result.rest

    def _block(self, content: bytes, found: Scan, gaps: Sequence[tuple[int, int]]) -> Block | None:
        """The rows of a text whose records are found. `gaps`: where in it lines are left out already, and how many."""
        starts, widths = found.starts, found.widths
        blank = starts == found.ends
        if self.layout.width > 1:
            for narrow in np.flatnonzero((widths == 1) & ~blank):
                blank[narrow] = not content[starts[narrow] : found.ends[narrow]].strip()
        good = (widths == self.layout.width) & ~blank
        bad = ~good & ~blank
        reasons = {int(row): self.layout.ragged(int(widths[row])) for row in self._some(bad)}
        for others, reason in (
            (self._with_zeros(content, found), "a NUL byte"),
            (self._beyond(content, found), "a value behind the last column"),
        ):
            unfit = others & good
            reasons |= dict.fromkeys(map(int, self._some(unfit)), reason)
            bad |= unfit
            good &= ~unfit
        repeated = self._repeated(content, found) & good
        good &= ~repeated
        if bad.any() or repeated.any():
            places = _Places(self._line, found, gaps)
            for row in sorted(reasons):
                text = content[starts[row] : found.ends[row]].decode(errors="replace")
                self.notes.reject(places.of(row), reasons[row], text)
            self.notes.n_rejected += int(bad.sum()) - len(reasons)
            if repeated.any():
                self._first_repeated = self._first_repeated or places.of(int(repeated.argmax()))
                self._n_repeated += int(repeated.sum())
        positions = self._blank_lines(blank, good)
        self._line += int(np.searchsorted(found.newlines, found.stop)) + sum(n for _, n in gaps)
        if not good.any() and positions is None:
            return None
        return Block(_kept(content, found, good), int(good.sum()), positions)

    def _some(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The first of the chosen rows, as many as are kept for their owner."""
        return np.flatnonzero(chosen)[: self.notes.n_room]

    def _with_zeros(self, content: bytes, found: Scan) -> NDArray[np.bool_]:
        unfit = np.zeros(len(found.starts), bool)
        if b"\0" in content:
            places = np.flatnonzero(np.frombuffer(content, np.uint8)[: found.stop] == 0)
            unfit[np.searchsorted(found.starts, places, side="right") - 1] = True
        return unfit

    def _beyond(self, content: bytes, found: Scan) -> NDArray[np.bool_]:
        """Rows with a value where no column stands."""
        if not self.layout.has_empty_last:
            return np.zeros(len(found.starts), bool)
        lasts: NDArray[np.bool_] = np.frombuffer(content, np.uint8)[np.maximum(found.ends - 1, 0)] != ord(
            self.layout.delimiter
        )
        return lasts

    def _repeated(self, content: bytes, found: Scan) -> NDArray[np.bool_]:
        """Rows that are the header once more."""
        repeated = np.zeros(len(found.starts), bool)
        if self._header is not None and self._header in content:
            data = np.frombuffer(content, np.uint8)
            rows = np.flatnonzero(found.ends - found.starts == len(self._header))
            for offset, byte in enumerate(self._header):
                rows = rows[data[found.starts[rows] + offset] == byte]
            repeated[rows] = True
        return repeated

    def _blank_lines(self, blank: NDArray[np.bool_], good: NDArray[np.bool_]) -> NDArray[np.int64] | None:
        """Count the blank lines between rows; in a single column each of them is a missing value: then its place."""
        rows = np.flatnonzero(~blank)
        if not len(rows):
            self._n_blank += len(blank)
            return None
        behind = int(rows[-1]) + 1
        n_before, self._n_blank = self._n_blank, len(blank) - behind
        n_blank = n_before + int(blank[:behind].sum())
        if self.layout.width > 1 or not n_blank:
            self._n_blank_between += n_blank
            return None
        order = np.where(good, np.cumsum(good) - 1, _MISSING)[:behind]
        kept: NDArray[np.int64] = order[(good | blank)[:behind]]
        return np.concatenate([np.full(n_before, _MISSING), kept])

    def _tell(self) -> None:
        warn = self.notes.warnings.append
        if self._n_blank_between:
            warn(f"Blank lines between the rows were skipped: {self._n_blank_between:,}.")
        if self._n_repeated:
            warn(
                f"Lines that repeat the names of the columns were skipped: {self._n_repeated:,} "
                f"(first: line {self._first_repeated})."
            )
        if self._n_letters:
            warn(
                f"Quotes ({self.layout.quote}) that do not come in pairs were read as letters. Lines: "
                f"{self._n_letters:,} (first: line {self._first_letters})."
            )


def _kept(content: bytes, found: Scan, good: NDArray[np.bool_]) -> bytes:
    """The text of the good rows alone."""
    if good.all():
        return content if found.stop == len(content) else content[: found.stop]
    bounds = np.append(found.starts, found.stop)
    edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
    return b"".join(content[bounds[first] : bounds[behind]] for first, behind in edges.reshape(-1, 2))
