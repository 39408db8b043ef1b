"""The view for models that add up: everything of about one size, categories one-hot, nothing missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from athanor.engine.features.categories import OneHot
from athanor.engine.features.columnwise import Columnwise
from athanor.engine.features.encoder import Encoder
from athanor.engine.features.meaning import Meaning, meaning_of
from athanor.engine.features.numbers import CountedNumber, Number, looks_like_ids
from athanor.engine.features.scaling import Scaled
from athanor.engine.features.texts import HashedWords, TextStatistics
from athanor.engine.features.times import TimeParts
from athanor.engine.features.vectors import Block, ScaledBlock
from athanor.engine.features.vocabulary import Vocabulary
from athanor.engine.tables.dataset import Column, Dataset
from athanor.engine.tables.schema import ColumnSchema

MOST_DENSE = 2000  # features; wider matrices are nearly all one-hot zeros


@dataclass(frozen=True, slots=True)
class ScaledView:
    """Dense float32 while it is narrow, CSR with texts, sparse vectors or many one-hot columns."""

    def fit(self, dataset: Dataset) -> Columnwise:
        return Columnwise.fit(dataset, _choose, most_dense=MOST_DENSE)

    def load(self, folder: Path) -> Columnwise:
        return Columnwise.load(folder)


def _choose(column: Column, schema: ColumnSchema) -> list[Encoder]:
    match meaning_of(column, schema):
        case Meaning.NUMBER:
            return _choose_number(column)
        case Meaning.CATEGORY:
            return [OneHot(Vocabulary.of(column))]
        case Meaning.TIME:
            return [Scaled.of(TimeParts.of(column), column)]
        case Meaning.TEXT:
            return [Scaled.of(TextStatistics.of(column, top_words=0), column), HashedWords()]
        case Meaning.VECTOR:
            block = Block.of(column)
            return [ScaledBlock.of(column) if block.is_sparse else Scaled.of(block, column)]
        case Meaning.NOTHING:
            return []


def _choose_number(column: Column) -> list[Encoder]:
    if not looks_like_ids(column):
        return [Scaled.of(Number(), column)]
    vocabulary = Vocabulary.of(column)
    return [Scaled.of(CountedNumber(vocabulary), column), OneHot(vocabulary)]


SCALED = ScaledView()
