"""The native dialect: the platform in its own words under /v1."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fastapi import FastAPI
from starlette.datastructures import QueryParams
from starlette.responses import Response

from athanor.api.dialects import Surroundings
from athanor.api.dialects.native import errors, words
from athanor.core.job import JobState
from athanor.errors import AthanorError

_PLACE = re.compile(r"/v1(/.*)?")
_FILES = re.compile(r"/v1/datasets(/[^/]+/versions)?")
_ROWS_OR_FILES = re.compile(r"/v1/datasets/[^/]+/rows")


class Native:
    """The dialect, as the dispatcher sees it."""

    name = "native"
    title = "Athanor API"
    job_states: Mapping[JobState, str] = words.STATES

    def places(self) -> tuple[re.Pattern[str], ...]:
        return (_PLACE,)

    def app(self, surroundings: Surroundings) -> FastAPI:
        from athanor.api.dialects.native.app import native_app

        return native_app(surroundings)

    def respond(self, error: AthanorError) -> Response:
        return errors.respond(error)

    def is_upload(self, method: str, path: str, content_type: str, query: str) -> bool:
        if method != "POST":
            return False
        if _ROWS_OR_FILES.fullmatch(path):
            return not words.is_json(content_type, QueryParams(query))
        return _FILES.fullmatch(path) is not None


NATIVE = Native()
