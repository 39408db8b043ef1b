"""Components: which numbers the vectors of a collection may hold, where its owner said so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from athanor.errors import InvalidInput

COMPONENTS, UINT8 = "components", "uint8"  # label of a collection, and what it says: whole numbers from 0 to 255
_AT_ONCE = 4_000_000  # numbers that are looked at together


def holds_bytes(labels: Mapping[str, str]) -> bool:
    """Whether a collection of these labels holds whole numbers from 0 to 255 and no others."""
    return labels.get(COMPONENTS) == UINT8


def check_components(matrix: Any, labels: Mapping[str, str], *, first_row: int = 1) -> None:
    """Raises InvalidInput naming the first number that a collection of these labels does not hold.

    matrix     (n_rows, dim), a numpy array or a scipy CSR matrix
    first_row  what messages call its first row
    """
    if not holds_bytes(labels):
        return
    step = max(_AT_ONCE // max(matrix.shape[1], 1), 1)
    for start in range(0, matrix.shape[0], step):
        part = matrix[start : start + step]
        part = part if isinstance(part, np.ndarray) else part.toarray()
        wrong = np.argwhere((part < 0) | (part > 255) | (part != np.floor(part)))
        if len(wrong):
            row, place = wrong[0].tolist()
            raise InvalidInput(
                f"Row {first_row + start + row}, component {place} (counted from 0): the vectors of the collection "
                f"hold whole numbers from 0 to 255, {part[row, place]:g} came.",
                field="data",
            )
