"""Types of vectors, as the vendor names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput
from athanor.services.collections.components import COMPONENTS, UINT8, holds_bytes

if TYPE_CHECKING:
    from athanor.services.collections.collections import CollectionView

DENSE, SPARSE, BYTES = "dense", "sparse", "dense8Bit"


def storage_of(vector_type: str) -> tuple[Storage, dict[str, str]]:
    """How vectors of the type are stored, and the labels that their collection has."""
    if vector_type == BYTES:
        return Storage.DENSE, {COMPONENTS: UINT8}
    if vector_type not in {DENSE, SPARSE}:
        raise InvalidInput(
            f"`vector_type` must be {DENSE}, {SPARSE} or {BYTES}, got {vector_type[:80]!r}.", field="vector_type"
        )
    return Storage.SPARSE if vector_type == SPARSE else Storage.DENSE, {}


def vector_type_of(view: CollectionView) -> str:
    if holds_bytes(view.dataset.labels):
        return BYTES
    return SPARSE if view.layout.is_sparse else DENSE
