"""The answers to projects, collections and data, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Done(BaseModel):
    """It is done."""

    success: Literal[True] = True


class ErrorBody(BaseModel):
    """What went wrong, for people."""

    success: Literal[False] = False
    error_message: str


class JobStarted(Done):
    """Rows that were taken. The job says how that ended."""

    job_id: str


class ProjectInfo(BaseModel):
    project_name: str
    application: str
    create_time: str = Field(description="YYYY/MM/DD, HH:MM (UTC)")


class ProjectList(Done):
    projects: list[ProjectInfo]


class CollectionList(Done):
    collections: list[str]


class CollectionInfo(Done):
    vector_type: str
    vector_dim: int
    num_vectors: int
    attributes: list[str]
    create_time: str = Field(description="YYYY/MM/DD, HH:MM (UTC)")


class JobStatus(Done):
    """How far a job is. The fields of a training are there where it is one."""

    job_id: str
    status: Literal["pending", "in_progress", "finished", "failed"]
    start_time: str = Field(description="YYYY/MM/DD HH:MM:SS (UTC)")
    duration: str = Field(description="HH:MM:SS")
    num_inserted: int | None = Field(default=None, description="Rows that came; of uploads.")
    error: str | None = Field(default=None, description="Where it failed.")


class Vector(BaseModel):
    string_id: str
    data: Any
    attributes: dict[str, str]


class Vectors(Done):
    """Rows in the order of the ids that were asked for."""

    vectors: list[Vector]


class Deleted(Done):
    num_deleted: int
