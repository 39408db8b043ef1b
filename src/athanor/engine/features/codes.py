"""The view for trees: numbers as they are, categories as codes, missing as NaN."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from athanor.engine.features.categories import CategoryCodes
from athanor.engine.features.columnwise import Columnwise
from athanor.engine.features.encoder import Encoder
from athanor.engine.features.meaning import Meaning, meaning_of
from athanor.engine.features.numbers import CountedNumber, Number, looks_like_ids
from athanor.engine.features.texts import TextStatistics
from athanor.engine.features.times import TimeParts
from athanor.engine.features.vectors import MOST_COMPONENTS, Block, FrequentBlock
from athanor.engine.features.vocabulary import Vocabulary
from athanor.engine.tables.dataset import Column, Dataset
from athanor.engine.tables.schema import ColumnSchema


@dataclass(frozen=True, slots=True)
class Codes:
    """Float32 columns, CSR where a vector column is sparse."""

    def fit(self, dataset: Dataset) -> Columnwise:
        return Columnwise.fit(dataset, _choose)

    def load(self, folder: Path) -> Columnwise:
        return Columnwise.load(folder)


def _choose(column: Column, schema: ColumnSchema) -> list[Encoder]:
    match meaning_of(column, schema):
        case Meaning.NUMBER:
            return [CountedNumber(Vocabulary.of(column)) if looks_like_ids(column) else Number()]
        case Meaning.CATEGORY:
            return [CategoryCodes(Vocabulary.of(column))]
        case Meaning.TIME:
            return [TimeParts.of(column)]
        case Meaning.TEXT:
            return [TextStatistics.of(column)]
        case Meaning.VECTOR:
            block = Block.of(column)
            return [FrequentBlock.of(column) if block.is_sparse and block.dim > MOST_COMPONENTS else block]
        case Meaning.NOTHING:
            return []


CODES = Codes()
