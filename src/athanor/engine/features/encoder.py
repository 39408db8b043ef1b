"""Encoders: one column as a block of features. A view is a list of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from athanor.engine.tables.dataset import Column

Facts = Mapping[str, Any]  # what an encoder learned, as JSON holds it


class Encoder(Protocol):
    """What was learned about one column of the training rows. Immutable.

    `encode` gives the same bits for a row whatever stands beside it.
    """

    @property
    def width(self) -> int:
        """Features made of the column."""
        ...

    @property
    def categorical(self) -> tuple[int, ...]:
        """Those of them, from 0, that hold category codes."""
        ...

    @property
    def components(self) -> NDArray[np.int64] | None:
        """(width,) the component of a vector column that each feature is made from; None where there are none."""
        ...

    @property
    def is_sparse(self) -> bool:
        """Whether `encode` gives a CSR matrix."""
        ...

    def encode(self, column: Column) -> Any:
        """(n_rows, width) float32, dense numpy or scipy CSR."""
        ...

    def facts(self) -> dict[str, Any]: ...


class Dense:
    """An encoder whose features are dense numbers, unless it says otherwise."""

    __slots__ = ()

    @property
    def categorical(self) -> tuple[int, ...]:
        return ()

    @property
    def components(self) -> NDArray[np.int64] | None:
        return None

    @property
    def is_sparse(self) -> bool:
        return False
