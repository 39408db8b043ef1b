"""The ml-workbench dialect: AutoML jobs, datasets, a model registry and keys under /api/v1."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.responses import Response

from athanor.api.dialects import Surroundings
from athanor.api.dialects.workbench import errors, words
from athanor.core.job import JobState
from athanor.errors import AthanorError

_PLACE = re.compile(r"/api/v1(/.*)?")
_UPLOADS = (
    ("POST", re.compile(r"/api/v1/automl/datasets")),
    ("PUT", re.compile(r"/api/v1/automl/datasets/uploads/[^/]+")),
)


class Workbench:
    """The dialect, as the dispatcher sees it."""

    name = "workbench"
    title = "ml-workbench AutoML API"
    job_states: Mapping[JobState, str] = words.STATES

    def places(self) -> tuple[re.Pattern[str], ...]:
        return (_PLACE,)

    def app(self, surroundings: Surroundings) -> FastAPI:
        from athanor.api.dialects.workbench.app import workbench_app

        return workbench_app(surroundings)

    def respond(self, error: AthanorError) -> Response:
        return errors.respond(error)

    def is_upload(self, method: str, path: str, content_type: str, query: str) -> bool:  # noqa: ARG002
        return any(method == wanted and pattern.fullmatch(path) for wanted, pattern in _UPLOADS)


WORKBENCH = Workbench()
