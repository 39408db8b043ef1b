"""The id of a request: made once, at the door; it stands in every log line and every answer."""

from __future__ import annotations

from contextvars import ContextVar
from uuid import uuid4

_CURRENT: ContextVar[str] = ContextVar("request_id", default="req_none")


def new_request_id() -> str:
    """A new id, which is this task's from now on."""
    made = f"req_{uuid4().hex}"
    _CURRENT.set(made)
    return made


def request_id() -> str:
    """The id of the request that is being answered."""
    return _CURRENT.get()
