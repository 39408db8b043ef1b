"""How the core's nouns are written: states, scopes, ids, times, pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request

from athanor.api.auth import NEEDS
from athanor.core.actor import Scope
from athanor.core.job import JobState
from athanor.errors import NotFound

STATES: Mapping[JobState, str] = {state: state.value for state in JobState}


def needs(scope: Scope) -> dict[str, Any]:
    """A route's OpenAPI entry: the scope it asks for."""
    return {NEEDS: [scope.value], "x-scope": scope.value}


_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def dataset_id(text: str) -> UUID:
    """The UUID in a path, with dashes or without. Raises NotFound: what cannot be an id names nothing."""
    if not _UUID.fullmatch(text.lower()):
        raise NotFound(f"No dataset with id {text[:80]!r}.")
    return UUID(text)


def time_text(at: datetime) -> str:
    """ISO 8601, UTC, milliseconds: 2025-02-01T10:00:05.250Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def next_page(request: Request, *, offset: int, limit: int, total: int) -> str | None:
    """Where the page behind this one is, as this server's path and query; None behind the last one."""
    if offset + limit >= total:
        return None
    url = request.url.include_query_params(offset=offset + limit, limit=limit)
    return f"{url.path}?{url.query}"


def is_json(content_type: str, query: Mapping[str, str]) -> bool:
    """Whether a body says that it is JSON, or says nothing: neither of its kind nor, in the query, a file's name."""
    kind = content_type.partition(";")[0].strip().lower()
    if not kind:
        return "filename" not in query
    return kind == "application/json" or kind.endswith("+json")
