"""Many rows encoded some at a time: words looked up in a table of all words, sparse pieces joined."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from athanor.engine.features.encoder import Encoder
from athanor.engine.tables.array_files import growing
from athanor.engine.tables.dataset import Column, Words

_MOST_SHARE = 2  # a table of all words has at most one row for so many of the column's


class Reader(Protocol):
    """An encoder as far as rows go."""

    def encode(self, column: Column) -> Any: ...


@dataclass(frozen=True, slots=True)
class _Table:
    """What an encoder makes of each word of a vocabulary, and last of a missing one."""

    rows: Any  # (len(vocabulary) + 1, width) float32, dense or CSR

    def encode(self, column: Column) -> Any:
        if not isinstance(column, Words):
            raise TypeError(f"Words are looked up here, got {type(column).__name__}.")
        return self.rows[np.where(column.codes < 0, self.rows.shape[0] - 1, column.codes)]


def looked_up(encoder: Encoder, part: Column, n_rows: int, *, is_sparse: bool = False) -> Reader:
    """The encoder, or a table of what it makes of the words of a column, where these are few for its `n_rows` rows.

    part       some rows of the column
    is_sparse  a sparse table is wanted
    """
    if not isinstance(part, Words) or _MOST_SHARE * (len(part.vocabulary) + 1) > n_rows:
        return encoder
    every = np.append(np.arange(len(part.vocabulary), dtype=np.int32), np.int32(-1))
    rows = encoder.encode(Words(every, part.vocabulary))
    if is_sparse:
        from scipy import sparse

        rows = sparse.csr_matrix(rows)
    return _Table(rows)


def joined_rows(parts: Iterable[Any], *, n_features: int) -> Any:
    """CSR matrices below each other, with one copy of what they hold."""
    from scipy import sparse

    data, indices = growing(np.float32, path=None), growing(np.int32, path=None)
    ends = [np.zeros(1, np.int64)]
    for part in parts:
        data.put(part.data)
        indices.put(part.indices)
        ends.append(part.indptr[1:] + ends[-1][-1])
    starts = np.concatenate(ends)
    return sparse.csr_matrix((data.array(), indices.array(), starts), shape=(len(starts) - 1, n_features), copy=False)
