"""A view made column by column: encoders side by side in one matrix, saved as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from athanor.engine.dataset import Column, Dataset
from athanor.engine.features import Source
from athanor.engine.features.categories import CategoryCodes, OneHot
from athanor.engine.features.encoder import Encoder, Facts
from athanor.engine.features.numbers import CountedNumber, Number
from athanor.engine.features.scaling import Scaled
from athanor.engine.features.texts import HashedWords, TextStatistics
from athanor.engine.features.times import TimeParts
from athanor.engine.features.vectors import Block, FrequentBlock, ScaledBlock
from athanor.engine.schema import ColumnSchema
from athanor.errors import Impossible

FILE = "view.json"

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

        The matrix is sparse where one encoder is, or where it is wider than `most_dense`.
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
        is_wide = most_dense is not None and width > most_dense
        return cls(encoders, is_wide or any(encoder.is_sparse for _, encoder in encoders))

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
        """(n_rows, n_features) float32, C-ordered or CSR."""
        if self.is_sparse:
            return self._sparse(dataset)
        if len(self.encoders) == 1:
            [(name, encoder)] = self.encoders
            return np.ascontiguousarray(encoder.encode(dataset[name]), np.float32)
        matrix = np.empty((dataset.n_rows, self.n_features), np.float32)
        start = 0
        for name, encoder in self.encoders:
            matrix[:, start : start + encoder.width] = encoder.encode(dataset[name])
            start += encoder.width
        return matrix

    def _sparse(self, dataset: Dataset) -> Any:
        from scipy import sparse

        blocks = [sparse.csr_matrix(encoder.encode(dataset[name])) for name, encoder in self.encoders]
        if len(blocks) == 1:
            return blocks[0].astype(np.float32, copy=False)
        return sparse.hstack(blocks, format="csr", dtype=np.float32)

    def save(self, folder: Path) -> None:
        columns = [{"column": name, **_described(encoder)} for name, encoder in self.encoders]
        described = {"is_sparse": self.is_sparse, "encoders": columns}
        (folder / FILE).write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Columnwise:
        described = json.loads((folder / FILE).read_text(encoding="utf-8"))
        encoders = tuple((each["column"], _restored(each)) for each in described["encoders"])
        return cls(encoders, described["is_sparse"])


def _described(encoder: Encoder) -> dict[str, Any]:
    if isinstance(encoder, Scaled):
        return {"kind": "scaled", "facts": encoder.facts(), "inner": _described(encoder.inner)}
    return {"kind": _WORD_OF[type(encoder)], "facts": encoder.facts()}


def _restored(described: Mapping[str, Any]) -> Encoder:
    if described["kind"] == "scaled":
        return Scaled.from_facts(_restored(described["inner"]), described["facts"])
    return _KINDS[described["kind"]](described["facts"])
