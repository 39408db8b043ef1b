"""Vectors: added, looked up, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from athanor.api.dialects.vecml import answers, words
from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.bodies import InCollection, Text
from athanor.api.dialects.vecml.json_body import Bulk
from athanor.api.dialects.vecml.matrices import matrix_of
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.core.actor import Scope
from athanor.errors import InvalidInput
from athanor.services.collections.batches import VectorBatch
from athanor.services.collections.collections import CollectionView

TAG = "Data"
_ROW = 'As many numbers as the collection has dimensions; of a sparse one `{"index": value}` or `[[index, value], …]`.'
Row = Annotated[Any, Field(description=_ROW)]
Rows = Annotated[Any, Field(description=f"One row a vector. {_ROW}", json_schema_extra={"type": "array", "items": {}})]
Attributes = Annotated[dict[str, Any], Field(description="Name: value. Values are kept as texts.")]
Ids = Annotated[list[Any], Field(json_schema_extra={"items": {"type": "string"}})]
_IDS = AliasChoices("string_ids", "ids")
_ID = AliasChoices("string_id", "id")


class AddData(InCollection):
    """One vector to be added."""

    string_id: Text | None = Field(default=None, validation_alias=_ID, description="Made when left out.")
    data: Row
    attributes: Attributes | None = None


class AddDataBatch(InCollection):
    """Vectors to be added, all or none."""

    string_ids: Ids | None = Field(default=None, validation_alias=_IDS, description="Made when left out.")
    data: Rows
    attributes: list[Any] | None = Field(
        default=None, description="One object a row. A name that a row lacks has no value there."
    )


class GetData(InCollection):
    """Vectors to be looked up, by `string_id` or `string_ids`."""

    string_id: Text | None = Field(default=None, validation_alias=_ID)
    string_ids: Ids | None = Field(default=None, validation_alias=_IDS)


class UpdateData(InCollection):
    """A vector that is to have other numbers, other attributes, or both. What is left out stays."""

    string_id: Text = Field(validation_alias=_ID)
    data: Row | None = None
    attributes: Attributes | None = Field(default=None, description="null takes a value away.")


class DeleteData(InCollection):
    """A vector to be deleted."""

    string_id: Text = Field(validation_alias=_ID)


class DeleteDataBatch(InCollection):
    """Vectors to be deleted. Ids that are not there are no error."""

    string_ids: Ids = Field(validation_alias=_IDS)


def add_data(body: AddData, caller: Caller) -> dict[str, Any]:
    attributes = None if body.attributes is None else [body.attributes]
    return _add(body, caller, None if body.string_id is None else [body.string_id], [body.data], attributes)


def add_data_batch(body: AddDataBatch, caller: Caller) -> dict[str, Any]:
    return _add(body, caller, body.string_ids, body.data, body.attributes)


def _add(
    body: InCollection, caller: Caller, ids: Sequence[Any] | None, data: Any, attributes: Sequence[Any] | None
) -> dict[str, Any]:
    view = caller.services.collections.get(caller.actor, body.project_name, body.collection_name)
    batch = VectorBatch(
        ids=None if ids is None else ids_of(ids),
        matrix=_matrix(view, data),
        attributes=None if attributes is None else attributes_of(attributes),
    )
    inserted = caller.services.collections.insert(
        caller.actor,
        body.project_name,
        body.collection_name,
        batch,
        naming=caller.naming(body.project_name, body.collection_name, words.UPLOAD_JOB),
    )
    return {"job_id": inserted.job_name}


def get_data(body: GetData, caller: Caller) -> dict[str, Any]:
    if (body.string_id is None) == (body.string_ids is None):
        raise InvalidInput("Send either `string_id` or `string_ids`.", field="string_ids")
    ids = ids_of(body.string_ids) if body.string_ids is not None else [str(body.string_id)]
    found = caller.services.collection_rows.fetch(caller.actor, body.project_name, body.collection_name, ids)
    return {
        "vectors": [
            {"string_id": row.id, "data": _numbers(row.data), "attributes": dict(row.attributes)} for row in found
        ]
    }


def update_data(body: UpdateData, caller: Caller) -> dict[str, Any]:
    if body.data is None and body.attributes is None:
        raise InvalidInput("Nothing is to be changed: send `data`, `attributes` or both.", field="data")
    matrix = None
    if body.data is not None:
        view = caller.services.collections.get(caller.actor, body.project_name, body.collection_name)
        matrix = _matrix(view, [body.data])
    caller.services.collection_rows.update(
        caller.actor,
        body.project_name,
        body.collection_name,
        [body.string_id],
        matrix=matrix,
        attributes=None if body.attributes is None else attributes_of([body.attributes], keeps_nulls=True),
    )
    return {}


def delete_data(body: DeleteData, caller: Caller) -> dict[str, Any]:
    return _delete(body, caller, [body.string_id])


def delete_data_batch(body: DeleteDataBatch, caller: Caller) -> dict[str, Any]:
    return _delete(body, caller, ids_of(body.string_ids))


def _delete(body: InCollection, caller: Caller, ids: Sequence[str]) -> dict[str, Any]:
    n = caller.services.collection_rows.remove(caller.actor, body.project_name, body.collection_name, ids)
    return {"num_deleted": n}


def _matrix(view: CollectionView, data: list[Any] | Bulk) -> Any:
    """The rows as a matrix that the collection takes."""
    return matrix_of(data, is_sparse=view.layout.is_sparse, dim=_fixed_dim(view))


def _fixed_dim(view: CollectionView) -> int | None:
    """How many numbers a row must have; None where the collection learns that from its rows."""
    return None if view.layout.is_sparse else view.layout.dim or None


def _numbers(data: Sequence[float | None] | Mapping[int, float]) -> Any:
    """A vector's numbers in JSON: a list, or of a sparse one an object by index."""
    if isinstance(data, Mapping):
        return {str(place): value for place, value in data.items()}
    return list(data)


# Whether rows fit a collection is seen by looking at it, so that adding needs both scopes.
OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        name="add_data",
        summary="Add one vector",
        tag=TAG,
        body=AddData,
        answer=answers.JobStarted,
        scopes=(Scope.DATA_WRITE, Scope.DATA_READ),
        run=add_data,
        takes_data=True,
    ),
    Operation(
        name="add_data_batch",
        summary="Add vectors, all or none",
        tag=TAG,
        body=AddDataBatch,
        answer=answers.JobStarted,
        scopes=(Scope.DATA_WRITE, Scope.DATA_READ),
        run=add_data_batch,
        takes_data=True,
        row_fields=("data",),
    ),
    Operation(
        name="get_data",
        summary="Look vectors up by their ids",
        tag=TAG,
        body=GetData,
        answer=answers.Vectors,
        scopes=(Scope.DATA_READ,),
        run=get_data,
    ),
    Operation(
        name="update_data",
        summary="Change a vector's numbers or attributes",
        tag=TAG,
        body=UpdateData,
        answer=answers.Done,
        scopes=(Scope.DATA_WRITE, Scope.DATA_READ),
        run=update_data,
        takes_data=True,
    ),
    Operation(
        name="delete_data",
        summary="Delete a vector",
        tag=TAG,
        body=DeleteData,
        answer=answers.Deleted,
        scopes=(Scope.DATA_WRITE,),
        run=delete_data,
    ),
    Operation(
        name="delete_data_batch",
        summary="Delete vectors",
        tag=TAG,
        body=DeleteDataBatch,
        answer=answers.Deleted,
        scopes=(Scope.DATA_WRITE,),
        run=delete_data_batch,
        takes_data=True,
    ),
)
