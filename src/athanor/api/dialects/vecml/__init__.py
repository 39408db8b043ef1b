"""The VecML dialect: projects, collections of vectors and their models, each operation one POST below /api."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.responses import Response

from athanor.api.dialects import Surroundings
from athanor.api.dialects.vecml import errors, words
from athanor.core.job import JobState
from athanor.errors import AthanorError


class VecML:
    """The dialect, as the dispatcher sees it."""

    name = "vecml"
    title = "VecML AutoML API"
    job_states: Mapping[JobState, str] = words.STATES

    def places(self) -> tuple[re.Pattern[str], ...]:
        from athanor.api.dialects.vecml.app import PLACE

        return (PLACE,)

    def app(self, surroundings: Surroundings) -> FastAPI:
        from athanor.api.dialects.vecml.app import vecml_app

        return vecml_app(surroundings)

    def respond(self, error: AthanorError) -> Response:
        return errors.respond(error)

    def is_upload(self, method: str, path: str, content_type: str, query: str) -> bool:  # noqa: ARG002
        from athanor.api.dialects.vecml.app import operation_at

        operation = operation_at(path)
        return method == "POST" and operation is not None and operation.takes_data


VECML = VecML()
