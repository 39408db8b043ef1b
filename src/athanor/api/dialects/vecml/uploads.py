"""Files of vectors: uploaded whole, in two steps (inputs, then labels), or as records."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from athanor.api.dialects.vecml import answers, words
from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.bodies import Base64, Compression, FileFormat, InCollection, Names, Text, as_list
from athanor.api.dialects.vecml.files import check_compression
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.api.dialects.vecml.records import read_records
from athanor.api.dialects.vecml.vector_types import BYTES, storage_of
from athanor.core.actor import Scope
from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput
from athanor.services.collections.files import UploadHow

TAG = "Files"
NamesOrObjects = Annotated[list[Any], BeforeValidator(as_list)]


class Upload(InCollection):
    """A file whose rows go behind those of the collection, which is made where it is not there."""

    file_data: Base64 = Field(default=None, description="The file in base64.")
    file_format: FileFormat
    has_field_names: bool = Field(default=True, description="Of a csv: its first line names the columns.")
    compression_type: Compression | None = None
    vector_type: Text | None = Field(default=None, description="Of a collection that is made: `dense` or `sparse`.")
    vector_dim: int | None = Field(default=None, gt=0, description="Of a collection that is made; of a binary file.")
    attribute_names: Names = Field(
        default=[], description="Columns that are kept as texts; of libsvm the label's name."
    )
    categorical_features: Names = Field(default=[], description="The same.")
    id_column: Text | None = Field(
        default=None,
        validation_alias=AliasChoices("id_column", "string_id_column"),
        description="Column of a csv or json with the ids.",
    )
    string_ids: list[Any] | None = Field(default=None, description="Ids, for libsvm and binary.")
    attributes: NamesOrObjects | None = Field(
        default=None,
        description="One object a row, for libsvm and binary; of a csv or json names, as `attribute_names`.",
    )


class UploadInputs(InCollection):
    """A file of inputs. The collection is made where it is not there."""

    X: Base64 = Field(default=None, description="The file in base64.")
    file_format: FileFormat
    has_field_names: bool = Field(default=True, description="Of a csv: its first line names the columns.")
    compression_type: Compression | None = None
    vector_type: Text | None = None
    vector_dim: int | None = Field(default=None, gt=0)
    categorical_features: Names = Field(default=[], description="Columns that are kept as texts.")


class AttachLabel(InCollection):
    """A file of one column: an attribute for all rows of the collection, in their order."""

    file_data: Base64 = Field(default=None, description="The file in base64.")
    file_format: FileFormat
    has_field_names: bool = Field(default=True, description="Of a csv: its first line names the column.")
    compression_type: Compression | None = None
    attribute_name: Text


def upload(body: Upload, caller: Caller) -> dict[str, Any]:
    names, attributes = _sorted_out(body.attributes or [])
    how = UploadHow(
        format=body.file_format,
        filename=_filename(body.file_format, caller),
        has_header=body.has_field_names,
        storage=_storage(body.vector_type),
        dim=body.vector_dim,
        attribute_names=tuple(dict.fromkeys((*body.attribute_names, *body.categorical_features, *names))),
        id_column=body.id_column,
        ids=None if body.string_ids is None else ids_of(body.string_ids),
        attributes=attributes_of(attributes) if attributes else None,
    )
    return _upload(body, caller, how, "file_data")


def upload_inputs(body: UploadInputs, caller: Caller) -> dict[str, Any]:
    how = UploadHow(
        format=body.file_format,
        filename=_filename(body.file_format, caller),
        has_header=body.has_field_names,
        storage=_storage(body.vector_type),
        dim=body.vector_dim,
        attribute_names=tuple(dict.fromkeys(body.categorical_features)),
    )
    return _upload(body, caller, how, "X")


def _upload(body: Upload | UploadInputs, caller: Caller, how: UploadHow, field: str) -> dict[str, Any]:
    project, collection = body.project_name, body.collection_name
    path = caller.sent_file(field)
    check_compression(path, body.compression_type)
    if how.format == "json":
        is_sparse = None if how.storage is None else how.storage is Storage.SPARSE
        read = partial(read_records, is_sparse=is_sparse, dim=how.dim, id_name=how.id_column)
        how = replace(how, read_vectors=read)
    naming = caller.naming(project, collection, words.UPLOAD_JOB)
    inserted = caller.services.collections.upload(caller.actor, project, collection, path, how, naming=naming)
    return {"job_id": inserted.job_name}


def attach_label(body: AttachLabel, caller: Caller) -> dict[str, Any]:
    path = caller.sent_file("file_data")
    check_compression(path, body.compression_type)
    inserted = caller.services.collection_rows.attach(
        caller.actor,
        body.project_name,
        body.collection_name,
        path,
        attribute=body.attribute_name,
        format=body.file_format,
        has_header=body.has_field_names,
        filename=_filename(body.file_format, caller),
        naming=caller.naming(body.project_name, body.collection_name, words.LABEL_JOB),
    )
    return {"job_id": inserted.job_name}


def _sorted_out(given: list[Any]) -> tuple[list[str], list[Any]]:
    """`attributes` as names of columns, or as one object a row."""
    if all(isinstance(one, str) for one in given):
        return given, []
    return [], given


def _storage(vector_type: str | None) -> Storage | None:
    if vector_type is None:
        return None
    if vector_type == BYTES:
        raise InvalidInput(
            f"An upload makes no collection of {BYTES}. Make it with `init`, and leave `vector_type` out here.",
            field="vector_type",
        )
    return storage_of(vector_type)[0]


def _filename(file_format: str, caller: Caller) -> str:
    return caller.filename or f"file.{file_format}"


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        name="upload",
        summary="Upload a file of vectors: csv, json, libsvm or binary",
        tag=TAG,
        body=Upload,
        answer=answers.JobStarted,
        scopes=(Scope.DATA_WRITE,),
        run=upload,
        takes_data=True,
        file_fields=("file_data",),
    ),
    Operation(
        name="upload_automl_X",
        summary="Upload the inputs of a training; labels follow with attach_automl_label",
        tag=TAG,
        body=UploadInputs,
        answer=answers.JobStarted,
        scopes=(Scope.DATA_WRITE,),
        run=upload_inputs,
        takes_data=True,
        file_fields=("X",),
    ),
    Operation(
        name="attach_automl_label",
        summary="Upload one column for all rows of a collection, in their order",
        tag=TAG,
        body=AttachLabel,
        answer=answers.JobStarted,
        scopes=(Scope.DATA_WRITE,),
        run=attach_label,
        takes_data=True,
        file_fields=("file_data",),
    ),
)
