"""Vector columns: a matrix block as it is, the frequent part of a sparse one, or a sparse one scaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features.encoder import Facts
from athanor.engine.tables.dataset import Column, Vectors
from athanor.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Block:
    """The vectors themselves. A dense column stays dense, a sparse one sparse."""

    dim: int
    is_sparse: bool

    @classmethod
    def of(cls, column: Column) -> Block:
        vectors = _vectors(column)
        return cls(int(vectors.matrix.shape[1]), vectors.is_sparse)

    @property
    def width(self) -> int:
        return self.dim

    @property
    def categorical(self) -> tuple[int, ...]:
        return ()

    @property
    def components(self) -> NDArray[np.int64]:
        return np.arange(self.dim)

    def encode(self, column: Column) -> Any:
        vectors = _vectors(column)
        if vectors.matrix.shape[1] != self.dim:
            raise InvalidInput(f"Vectors of length {self.dim} are needed here, got {vectors.matrix.shape[1]}.")
        if vectors.is_sparse == self.is_sparse:
            return vectors.matrix.astype(np.float32, copy=False)
        from scipy import sparse

        if self.is_sparse:
            return sparse.csr_matrix(vectors.matrix, dtype=np.float32)
        return vectors.matrix.toarray().astype(np.float32, copy=False)

    def facts(self) -> dict[str, Any]:
        return {"dim": self.dim, "is_sparse": self.is_sparse}

    @classmethod
    def from_facts(cls, facts: Facts) -> Block:
        return cls(facts["dim"], facts["is_sparse"])


MOST_COMPONENTS = 2000  # of a sparse block, for trees: 20,000 rows of 90,000 take a minute to bin, and these a second
LEAST_ROWS = 5  # a component that fewer training rows have cannot split a leaf


@dataclass(frozen=True, slots=True)
class FrequentBlock:
    """The components of sparse vectors that most training rows have, in their order."""

    block: Block
    places: NDArray[np.int64]

    @classmethod
    def of(cls, column: Column) -> FrequentBlock:
        block = Block.of(column)
        rows = np.bincount(block.encode(column).indices, minlength=block.dim)
        frequent = np.argsort(-rows, kind="stable")[:MOST_COMPONENTS]
        return cls(block, np.sort(frequent[rows[frequent] >= LEAST_ROWS]))

    @property
    def width(self) -> int:
        return len(self.places)

    @property
    def categorical(self) -> tuple[int, ...]:
        return ()

    @property
    def components(self) -> NDArray[np.int64]:
        return self.places

    @property
    def is_sparse(self) -> bool:
        return True

    def encode(self, column: Column) -> Any:
        return self.block.encode(column)[:, self.places]

    def facts(self) -> dict[str, Any]:
        return {**self.block.facts(), "places": self.places.tolist()}

    @classmethod
    def from_facts(cls, facts: Facts) -> FrequentBlock:
        return cls(Block.from_facts(facts), np.array(facts["places"], np.int64))


@dataclass(frozen=True, slots=True)
class ScaledBlock:
    """Sparse vectors whose components are divided by the root mean square of their non-zero training values."""

    block: Block
    factor: NDArray[np.float32]  # (dim,)

    @classmethod
    def of(cls, column: Column) -> ScaledBlock:
        block = Block.of(column)
        matrix = block.encode(column)
        squares = np.bincount(matrix.indices, np.square(matrix.data, dtype=np.float64), minlength=block.dim)
        present = np.bincount(matrix.indices, matrix.data != 0.0, minlength=block.dim)
        size = np.sqrt(squares / np.maximum(present, 1))
        factor = np.zeros(block.dim)
        np.divide(1.0, size, out=factor, where=size > 0.0)
        return cls(block, np.minimum(factor, float(np.finfo(np.float32).max)).astype(np.float32))

    @property
    def width(self) -> int:
        return self.block.width

    @property
    def categorical(self) -> tuple[int, ...]:
        return ()

    @property
    def components(self) -> NDArray[np.int64]:
        return self.block.components

    @property
    def is_sparse(self) -> bool:
        return True

    def encode(self, column: Column) -> Any:
        from scipy import sparse

        matrix = self.block.encode(column)
        values = matrix.data * self.factor[matrix.indices]
        return sparse.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)

    def facts(self) -> dict[str, Any]:
        return {**self.block.facts(), "factor": self.factor.tolist()}

    @classmethod
    def from_facts(cls, facts: Facts) -> ScaledBlock:
        return cls(Block.from_facts(facts), np.array(facts["factor"], np.float32))


def _vectors(column: Column) -> Vectors:
    if not isinstance(column, Vectors):
        raise InvalidInput(f"Vectors are needed here, got {type(column).__name__}.")
    return column
