"""Texts: cheap statistics for trees, hashed words for linear models. Neither looks at the target."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Dense, Facts
from athanor.engine.features.words import occurring
from athanor.engine.tables.dataset import Column, Words
from athanor.errors import InvalidInput

N_STATISTICS = 4
MOST_TOP_WORDS = 50
LEAST_SHARE = 0.01  # of rows that a top word stands in, and at most 1 - LEAST_SHARE
N_HASHES = 4096
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class TextStatistics(Dense):
    """Characters, words, share of digits and of upper case; then how often each of the top words occurs.

    Top words are those whose presence varies most between the training rows. NaN for a missing text.
    """

    top_words: tuple[str, ...]
    _place_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place_of", {word: place for place, word in enumerate(self.top_words)})

    @classmethod
    def of(cls, column: Column, *, top_words: int = MOST_TOP_WORDS) -> TextStatistics:
        texts, places = occurring(_words(column))
        rows = np.bincount(places[places >= 0], minlength=len(texts)).tolist()
        found: Counter[str] = Counter()
        for text, n_rows in zip(texts, rows, strict=True):
            for word in set(_WORD.findall(text.lower())):
                found[word] += n_rows
        n_rows = max(sum(rows), 1)
        least = max(2.0, LEAST_SHARE * n_rows)
        varying = [(n * (n_rows - n), word) for word, n in found.items() if least <= n <= n_rows - least]
        varying.sort(key=lambda pair: (-pair[0], pair[1]))
        return cls(tuple(word for _, word in varying[:top_words]))

    @property
    def width(self) -> int:
        return N_STATISTICS + len(self.top_words)

    def encode(self, column: Column) -> NDArray[np.float32]:
        texts, places = occurring(_words(column))
        table = np.zeros((len(texts) + 1, self.width), np.float32)
        for row, text in zip(table, texts, strict=False):
            words = _WORD.findall(text.lower())
            size = max(len(text), 1)
            digits, capitals = sum(map(str.isdigit, text)), sum(map(str.isupper, text))
            row[:N_STATISTICS] = (len(text), len(words), digits / size, capitals / size)
            for word in words:
                place = self._place_of.get(word)
                if place is not None:
                    row[N_STATISTICS + place] += 1.0
        table[-1] = np.nan
        return np.asarray(table[places], np.float32)

    def facts(self) -> dict[str, Any]:
        return {"top_words": list(self.top_words)}

    @classmethod
    def from_facts(cls, facts: Facts) -> TextStatistics:
        return cls(tuple(facts["top_words"]))


@dataclass(frozen=True, slots=True)
class HashedWords:
    """How often each word stands in a text, in 4,096 hashed columns, scaled to unit length. Empty for missing."""

    @property
    def width(self) -> int:
        return N_HASHES

    @property
    def categorical(self) -> tuple[int, ...]:
        return ()

    @property
    def components(self) -> None:
        return None

    @property
    def is_sparse(self) -> bool:
        return True

    def encode(self, column: Column) -> Any:
        from scipy import sparse

        texts, places = occurring(_words(column))
        values: list[float] = []
        columns: list[int] = []
        ends = [0]
        for text in texts:
            # CRC-32 and not `hash`: the same word must fall into the same column in every process.
            found = Counter(zlib.crc32(word.encode()) % N_HASHES for word in _WORD.findall(text.lower()))
            length = math.sqrt(sum(n * n for n in found.values()))
            for place in sorted(found):
                columns.append(place)
                values.append(found[place] / length)
            ends.append(len(columns))
        ends.append(len(columns))  # the empty row that missing texts point at
        parts = (np.array(values, np.float32), np.array(columns, np.int32), np.array(ends, np.int32))
        table = sparse.csr_matrix(parts, shape=(len(texts) + 1, N_HASHES))
        return table[np.where(places < 0, len(texts), places)]

    def facts(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_facts(cls, facts: Facts) -> HashedWords:  # noqa: ARG003
        return cls()


def _words(column: Column) -> Words:
    if not isinstance(column, Words):
        raise InvalidInput(f"Texts are needed here, got {type(column).__name__}.")
    return column
