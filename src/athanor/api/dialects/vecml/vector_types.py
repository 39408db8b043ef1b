"""Types of vectors, as the vendor names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athanor.engine.schema import Storage
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.services.collections.vectors import CollectionView

VECTOR_TYPE = "vector_type"  # label of a collection whose type is more than how it is stored
DENSE, SPARSE, BYTES = "dense", "sparse", "dense8Bit"


def storage_of(vector_type: str) -> tuple[Storage, dict[str, str]]:
    """How vectors of the type are stored, and the labels that their collection has."""
    if vector_type == BYTES:
        return Storage.DENSE, {VECTOR_TYPE: BYTES}
    if vector_type not in {DENSE, SPARSE}:
        raise InvalidInput(
            f"`vector_type` must be {DENSE}, {SPARSE} or {BYTES}, got {vector_type[:80]!r}.", field="vector_type"
        )
    return Storage.SPARSE if vector_type == SPARSE else Storage.DENSE, {}


def vector_type_of(view: CollectionView) -> str:
    return view.dataset.labels.get(VECTOR_TYPE) or (SPARSE if view.layout.is_sparse else DENSE)
