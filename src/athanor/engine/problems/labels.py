"""Labels: the distinct values of a target column, in the type in which their owner stored them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Column, Numbers, Words
from athanor.engine.tables.schema import ColumnSchema, Storage
from athanor.engine.task import Label
from athanor.errors import Impossible, InvalidInput

MOST_CLASSES = 1000  # beyond it a margin matrix outgrows the table it was learned from


def require_known(column: Column, schema: ColumnSchema) -> None:
    """Raise unless the target has rows and every one of them has a value."""
    missing = column.missing()
    if missing.all():  # also where there is no row at all
        raise Impossible(
            f"The target {schema.name!r} has no value in any of {len(missing):,} rows, so nothing can be learned. "
            "Choose another target, or rows in which it is known."
        )
    if missing.any():
        raise InvalidInput(
            f"The target {schema.name!r} has no value in {int(missing.sum()):,} rows (first: row "
            f"{int(missing.argmax()) + 1}). Leave these rows out.",
            field="target",
        )


def require_finite(column: Numbers, schema: ColumnSchema) -> None:
    infinite = np.isinf(column.values)
    if infinite.any():
        raise InvalidInput(
            f"The target {schema.name!r} is infinite in {int(infinite.sum()):,} rows (first: row "
            f"{int(infinite.argmax()) + 1}). Leave these rows out, or mark the values as missing.",
            field="target",
        )


def distinct_labels(column: Column, schema: ColumnSchema) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
    """The labels that occur, in sort order, and each row's position among them.

    Raises InvalidInput for a column that cannot hold labels, Impossible where there are none or too many.
    """
    require_known(column, schema)
    if isinstance(column, Numbers):
        require_finite(column, schema)
    labels, places = labels_in(column, schema)
    if len(labels) > MOST_CLASSES:
        raise Impossible(
            f"The target {schema.name!r} has {len(labels):,} distinct values; a classification takes at most "
            f"{MOST_CLASSES:,} classes. Choose another target, or the problem 'regression' if it is a quantity."
        )
    return labels, places


def labels_in(column: Column, schema: ColumnSchema) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
    """The labels in a column without missing cells, in sort order, and each row's position among them.

    Raises InvalidInput for a column that cannot hold labels.
    """
    if isinstance(column, Numbers):
        values = np.unique(column.values)
        places = np.searchsorted(values, column.values)
        return tuple(_spelled(value, schema.storage) for value in values.tolist()), places.astype(np.int64, copy=False)
    if not isinstance(column, Words):
        raise InvalidInput(
            f"The target {schema.name!r} holds {schema.type.value} values, which cannot be classes. "
            "Choose a column of words, numbers or booleans.",
            field="target",
        )
    used = np.unique(column.codes)
    places = np.searchsorted(used, column.codes)
    words = [column.vocabulary[code] for code in used.tolist()]
    order = sorted(range(len(words)), key=words.__getitem__)
    rank = np.empty(len(words), np.int64)
    rank[order] = np.arange(len(words))
    return tuple(words[place] for place in order), rank[places]


def find_label(wanted: Label, classes: tuple[Label, ...], schema: ColumnSchema) -> int:
    """The position of `wanted` in `classes`, taken by its value or else by its spelling ("1" finds 1)."""
    for spelling in (_exact, _loose):
        for place, label in enumerate(classes):
            if spelling(label) == spelling(wanted):
                return place
    raise InvalidInput(
        f"The positive label {wanted!r} does not occur in {schema.name!r}. "
        f"Its labels are: {', '.join(repr(label) for label in classes[:20])}.",
        field="positive",
    )


def _spelled(value: float, storage: Storage) -> Label:
    if storage is Storage.BOOLEAN:
        return bool(value)
    return int(value) if storage is Storage.INTEGER else value


def _exact(label: Label) -> tuple[type, Label]:
    return (type(label), label)


def _loose(label: Label) -> str:
    if isinstance(label, bool):
        return str(label).lower()
    text = str(label).strip().lower()
    try:
        return repr(float(text))
    except ValueError:
        return text
