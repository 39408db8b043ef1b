"""Dialects: HTTP surfaces over the same services, each a complete application. One folder and one line each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from fastapi import FastAPI
from starlette.responses import Response

from athanor.api.uploads import Spool
from athanor.core.job import JobState
from athanor.errors import AthanorError
from athanor.registry import Registry
from athanor.services import Services

Now = Callable[[], datetime]
FAULT = (
    "Something went wrong on the server. Its log tells more under this request's id."  # all that a fault of ours says
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every dialect's application is given.

    options  what the operator has set for this dialect alone, as the dialect names it
    """

    services: Services
    spool: Spool
    now: Now
    options: Mapping[str, float] = field(default_factory=dict)


class Dialect(Protocol):
    """How one vendor spells what a person can do."""

    name: str
    title: str
    job_states: Mapping[JobState, str]  # core's word -> this vendor's word; complete by test

    def places(self) -> tuple[re.Pattern[str], ...]:
        """Paths outside its prefix where it answers as well; no two dialects have one in common."""
        ...

    def app(self, surroundings: Surroundings) -> FastAPI:
        """The whole application, at the vendor's own paths, with /openapi.json and /docs."""
        ...

    def respond(self, error: AthanorError) -> Response:
        """The vendor's answer to any of our errors; complete by test. AthanorError itself is a fault of ours."""
        ...

    def is_upload(self, method: str, path: str, content_type: str, query: str) -> bool:
        """Whether a body there, of that kind, is a file, and so may have the size of one."""
        ...


DIALECTS: Registry[Dialect] = Registry(
    "dialect",
    {
        "native": "athanor.api.dialects.native:NATIVE",
        "vecml": "athanor.api.dialects.vecml:VECML",
        "workbench": "athanor.api.dialects.workbench:WORKBENCH",
    },
)
