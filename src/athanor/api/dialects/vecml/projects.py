"""Projects: made, listed, deleted."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from athanor.api.dialects.vecml import answers, words
from athanor.api.dialects.vecml.bodies import Asked, InProject, Text
from athanor.api.dialects.vecml.operation import Caller, Operation
from athanor.core.actor import Scope

APPLICATION = "application"  # label of a project
TAG = "Projects"


class CreateProject(InProject):
    """A project to be made."""

    application: Text = Field(default="", description="What it is for. Kept and shown, no more.")


class ListProjects(Asked):
    """Nothing but the key."""


class DeleteProject(InProject):
    """A project to be deleted, with its collections, models and jobs."""


def create_project(body: CreateProject, caller: Caller) -> dict[str, Any]:
    labels = {APPLICATION: body.application} if body.application else {}
    caller.services.projects.create(caller.actor, body.project_name, labels=labels)
    return {}


def delete_project(body: DeleteProject, caller: Caller) -> dict[str, Any]:
    caller.services.projects.delete(caller.actor, body.project_name)
    return {}


def list_projects(_: ListProjects, caller: Caller) -> dict[str, Any]:
    found = caller.services.projects.list(caller.actor)
    return {
        "projects": [
            {
                "project_name": project.handle,
                "application": project.labels.get(APPLICATION, ""),
                "create_time": words.minute_text(project.created_at),
            }
            for project in found
        ]
    }


OPERATIONS = (
    Operation(
        name="create_project",
        summary="Make a project",
        tag=TAG,
        body=CreateProject,
        answer=answers.Done,
        scopes=(Scope.DATA_WRITE,),
        run=create_project,
    ),
    Operation(
        name="delete_project",
        summary="Delete a project with all that is in it; trainings that run are stopped",
        tag=TAG,
        body=DeleteProject,
        answer=answers.Done,
        scopes=(Scope.DATA_WRITE, Scope.RUNS_WRITE),
        run=delete_project,
    ),
    Operation(
        name="list_projects",
        summary="All projects, oldest first",
        tag=TAG,
        body=ListProjects,
        answer=answers.ProjectList,
        scopes=(Scope.DATA_READ,),
        run=list_projects,
    ),
)
