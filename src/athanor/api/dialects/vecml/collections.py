"""Collections: made, listed, described, deleted."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from athanor.api.dialects.vecml import answers, words
from athanor.api.dialects.vecml.bodies import InCollection, InProject, Text
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.api.dialects.vecml.vector_types import storage_of, vector_type_of
from athanor.core.actor import Scope
from athanor.errors import InvalidInput

TAG = "Collections"


class Init(InCollection):
    """A collection to be made."""

    vector_type: Text = Field(default="dense", description="`dense`, `sparse` or `dense8Bit` (whole numbers 0 to 255).")
    vector_dim: int | None = Field(
        default=None, description="Numbers of a vector. Of a sparse one it may be left out: the highest index tells."
    )


class ListCollections(InProject):
    """The project whose collections are meant."""


class GetCollectionInfo(InCollection):
    """The collection that is to be described."""


class DeleteCollection(InCollection):
    """A collection to be deleted, with its models."""


def init(body: Init, caller: Caller) -> dict[str, Any]:
    storage, labels = storage_of(body.vector_type)
    if body.vector_dim is not None and body.vector_dim < 1:
        raise InvalidInput(f"`vector_dim` must be at least 1, got {body.vector_dim}.", field="vector_dim")
    caller.services.collections.create(
        caller.actor, body.project_name, body.collection_name, storage=storage, dim=body.vector_dim, labels=labels
    )
    return {}


def list_collections(body: ListCollections, caller: Caller) -> dict[str, Any]:
    found = caller.services.collections.list(caller.actor, body.project_name)
    return {"collections": [view.dataset.handle for view in found]}


def get_collection_info(body: GetCollectionInfo, caller: Caller) -> dict[str, Any]:
    view = caller.services.collections.get(caller.actor, body.project_name, body.collection_name)
    return {
        "vector_type": vector_type_of(view),
        "vector_dim": view.layout.dim,
        "num_vectors": view.version.n_rows,
        "attributes": list(view.layout.attributes),
        "create_time": words.minute_text(view.dataset.created_at),
    }


def delete_collection(body: DeleteCollection, caller: Caller) -> dict[str, Any]:
    caller.services.collections.delete(caller.actor, body.project_name, body.collection_name)
    return {}


OPERATIONS = (
    Operation(
        name="init",
        summary="Make a collection",
        tag=TAG,
        body=Init,
        answer=answers.Done,
        scopes=(Scope.DATA_WRITE,),
        run=init,
    ),
    Operation(
        name="list_collections",
        summary="The names of a project's collections, oldest first",
        tag=TAG,
        body=ListCollections,
        answer=answers.CollectionList,
        scopes=(Scope.DATA_READ,),
        run=list_collections,
    ),
    Operation(
        name="get_collection_info",
        summary="What a collection holds",
        tag=TAG,
        body=GetCollectionInfo,
        answer=answers.CollectionInfo,
        scopes=(Scope.DATA_READ,),
        run=get_collection_info,
    ),
    Operation(
        name="delete_collection",
        summary="Delete a collection with its models",
        tag=TAG,
        body=DeleteCollection,
        answer=answers.Done,
        scopes=(Scope.DATA_WRITE,),
        run=delete_collection,
    ),
)
