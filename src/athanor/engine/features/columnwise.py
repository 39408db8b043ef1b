"""A view made column by column: encoders side by side in one matrix, saved as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.features import Source
from athanor.engine.features.categories import CategoryCodes, OneHot
from athanor.engine.features.encoder import Encoder, Facts
from athanor.engine.features.lookup import Reader, joined_rows, looked_up
from athanor.engine.features.numbers import CountedNumber, Number
from athanor.engine.features.scaling import Scaled
from athanor.engine.features.texts import HashedWords, TextStatistics
from athanor.engine.features.times import TimeParts
from athanor.engine.features.vectors import Block, FrequentBlock, ScaledBlock
from athanor.engine.tables.dataset import Column, Dataset
from athanor.engine.tables.schema import ColumnSchema
from athanor.errors import Impossible

FILE = "view.json"
_CELLS, _LEAST_ROWS = 2**18, 1024  # of a matrix that are made at a time: they stay in the processor's cache
_SPARSE_CELLS = 2**21  # zeros counted
_MOST_DENSE_CELLS = 2**27
_BLOCKS = (Block, FrequentBlock, ScaledBlock)

# The words for encoders in a saved view. They are part of the model format: add to them, never change one.
_KINDS: Mapping[str, Callable[[Facts], Encoder]] = {
    "number": Number.from_facts,
    "counted_number": CountedNumber.from_facts,
    "category_codes": CategoryCodes.from_facts,
    "one_hot": OneHot.from_facts,
    "time_parts": TimeParts.from_facts,
    "text_statistics": TextStatistics.from_facts,
    "hashed_words": HashedWords.from_facts,
    "vectors": Block.from_facts,
    "frequent_vectors": FrequentBlock.from_facts,
    "scaled_vectors": ScaledBlock.from_facts,
}
_WORD_OF: Mapping[type, str] = {
    Number: "number",
    CountedNumber: "counted_number",
    CategoryCodes: "category_codes",
    OneHot: "one_hot",
    TimeParts: "time_parts",
    TextStatistics: "text_statistics",
    HashedWords: "hashed_words",
    Block: "vectors",
    FrequentBlock: "frequent_vectors",
    ScaledBlock: "scaled_vectors",
}

Choice = Callable[[Column, ColumnSchema], list[Encoder]]  # fits the encoders that a view wants for a column


@dataclass(frozen=True, slots=True)
class Columnwise:
    """A fitted view: which encoder reads which column, from left to right."""

    encoders: tuple[tuple[str, Encoder], ...]
    is_sparse: bool

    @classmethod
    def fit(cls, dataset: Dataset, choose: Choice, *, most_dense: int | None = None) -> Columnwise:
        """Fit the encoders that `choose` names for each column.

        The matrix is sparse where one encoder is, where it is wider than `most_dense`, or where it would be large and
        nearly all zeros.
        """
        encoders = tuple(
            (schema.name, encoder)
            for schema in dataset.schema.columns
            for encoder in choose(dataset.columns[schema.name], schema)
            if encoder.width
        )
        if not encoders:
            raise Impossible(
                f"None of the {len(dataset.schema.columns):,} feature columns says anything: ids and constant columns "
                "are left out. Give more columns, or state their types."
            )
        width = sum(encoder.width for _, encoder in encoders)
        filled = sum(1 if isinstance(encoder, OneHot) else encoder.width for _, encoder in encoders)
        is_wide = most_dense is not None and width > most_dense
        # A cell that is not 0 takes twice as much in a sparse matrix, which matters where there are many.
        is_large = 2 * filled < width and width * dataset.n_rows > _MOST_DENSE_CELLS
        return cls(encoders, is_wide or is_large or any(encoder.is_sparse for _, encoder in encoders))

    @property
    def n_features(self) -> int:
        return sum(encoder.width for _, encoder in self.encoders)

    @property
    def categorical(self) -> tuple[int, ...]:
        places: list[int] = []
        start = 0
        for _, encoder in self.encoders:
            places.extend(start + place for place in encoder.categorical)
            start += encoder.width
        return tuple(places)

    @property
    def sources(self) -> tuple[Source, ...]:
        return tuple(Source(name, encoder.width, encoder.components) for name, encoder in self.encoders)

    def transform(self, dataset: Dataset) -> Any:
        """(n_rows, n_features) float32, C-ordered or CSR. Made in place, some rows at a time."""
        n_rows = dataset.n_rows
        step = max((_SPARSE_CELLS if self.is_sparse else _CELLS) // max(self.n_features, 1), _LEAST_ROWS)
        is_one_block = len(self.encoders) == 1 and isinstance(self.encoders[0][1], _BLOCKS)
        if n_rows <= step or is_one_block:  # a block may be the matrix as it is
            return self._whole(dataset, [encoder for _, encoder in self.encoders])
        parts = (dataset.at(slice(start, start + step)) for start in range(0, n_rows, step))
        readers = self._readers(dataset, step)
        if self.is_sparse:
            return joined_rows((self._whole(part, readers) for part in parts), n_features=self.n_features)
        matrix, start = np.empty((n_rows, self.n_features), np.float32), 0
        for part in parts:
            self._fill(matrix[start : start + part.n_rows], part, readers)
            start += part.n_rows
        return matrix

    def _readers(self, dataset: Dataset, step: int) -> list[Reader]:
        """The encoders, those of few words with all of them encoded already: rows only look theirs up."""
        head = dataset.at(slice(0, step))
        return [
            looked_up(encoder, head[name], dataset.n_rows, is_sparse=self.is_sparse) for name, encoder in self.encoders
        ]

    def _whole(self, dataset: Dataset, readers: Sequence[Reader]) -> Any:
        if self.is_sparse:
            from scipy import sparse

            blocks = [
                sparse.csr_matrix(reader.encode(dataset[name]))
                for (name, _), reader in zip(self.encoders, readers, strict=True)
            ]
            if len(blocks) == 1:
                return blocks[0].astype(np.float32, copy=False)
            return sparse.hstack(blocks, format="csr", dtype=np.float32)
        if len(readers) == 1:
            return np.ascontiguousarray(readers[0].encode(dataset[self.encoders[0][0]]), np.float32)
        matrix = np.empty((dataset.n_rows, self.n_features), np.float32)
        self._fill(matrix, dataset, readers)
        return matrix

    def _fill(self, matrix: NDArray[np.float32], dataset: Dataset, readers: Sequence[Reader]) -> None:
        start = 0
        for (name, encoder), reader in zip(self.encoders, readers, strict=True):
            matrix[:, start : start + encoder.width] = reader.encode(dataset[name])
            start += encoder.width

    def save(self, folder: Path) -> None:
        columns = [{"column": name, **described(encoder)} for name, encoder in self.encoders]
        whole = {"is_sparse": self.is_sparse, "encoders": columns}
        (folder / FILE).write_text(json.dumps(whole, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Columnwise:
        whole = json.loads((folder / FILE).read_text(encoding="utf-8"))
        encoders = tuple((each["column"], _restored(each)) for each in whole["encoders"])
        return cls(encoders, whole["is_sparse"])


def described(encoder: Encoder) -> dict[str, Any]:
    """An encoder as JSON holds it: two with the same description make the same features."""
    if isinstance(encoder, Scaled):
        return {"kind": "scaled", "facts": encoder.facts(), "inner": described(encoder.inner)}
    return {"kind": _WORD_OF[type(encoder)], "facts": encoder.facts()}


def _restored(each: Mapping[str, Any]) -> Encoder:
    if each["kind"] == "scaled":
        return Scaled.from_facts(_restored(each["inner"]), each["facts"])
    return _KINDS[each["kind"]](each["facts"])
