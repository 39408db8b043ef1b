"""Work on a column of words, done once per distinct word that occurs and not once per row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Words


def occurring(column: Words) -> tuple[Sequence[str], NDArray[np.int64]]:
    """The distinct words of a column, and each row's position among them.

    A missing cell has the position -1, so that a table with one more entry at its end can be indexed as it is.
    A few rows may carry a vocabulary of millions: then only the words that occur are given.
    """
    if len(column.vocabulary) <= len(column.codes):
        return column.vocabulary, column.codes.astype(np.int64)
    used, places = np.unique(column.codes, return_inverse=True)
    places = places.astype(np.int64)
    if len(used) and used[0] < 0:
        used, places = used[1:], places - 1
    return [column.vocabulary[code] for code in used.tolist()], places


def numbers_in(column: Words) -> NDArray[np.float64]:
    """(n_rows,) the cells read as numbers; NaN where one is missing or not a number."""
    words, places = occurring(column)
    table = np.full(len(words) + 1, np.nan)
    for place, word in enumerate(words):
        try:
            table[place] = float(word)
        except ValueError:
            continue
    return table[places]
