"""How the core's nouns are written: states, scopes, ids, times, pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import Request

from athanor.api.auth import NEEDS
from athanor.core.actor import Scope
from athanor.core.event import JobEvent
from athanor.core.job import Job, JobState
from athanor.core.model import Model
from athanor.engine.events import LeaderboardRow
from athanor.engine.plan import Plan
from athanor.errors import NotFound

STATES: Mapping[JobState, str] = {state: state.value for state in JobState}


def needs(scope: Scope) -> dict[str, Any]:
    """A route's OpenAPI entry: the scope it asks for."""
    return {NEEDS: [scope.value], "x-scope": scope.value}


_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def wanted_id(text: str, noun: str) -> UUID:
    """The UUID in a path, with dashes or without. Raises NotFound: what cannot be an id names nothing."""
    if not _UUID.fullmatch(text.lower()):
        raise NotFound(f"No {noun} with id {text[:80]!r}.")
    return UUID(text)


def dataset_id(text: str) -> UUID:
    return wanted_id(text, "dataset")


def run_id(text: str) -> UUID:
    return wanted_id(text, "run")


def time_text(at: datetime) -> str:
    """ISO 8601, UTC, milliseconds: 2025-02-01T10:00:05.250Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def optional_time_text(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def plan(given: Plan) -> dict[str, Any]:
    return {**asdict(given), "excluded_families": list(given.excluded_families)}


def job(given: Job, of_run: Plan) -> dict[str, Any]:
    """A job of a run. `of_run` is the run's plan: the job's, unless it has one of its own."""
    return {
        "id": str(given.id),
        "kind": given.kind.value,
        "state": STATES[given.state],
        "progress": given.progress,
        "plan": plan(given.plan or of_run),
        "attempts": given.attempt,
        "spent_s": given.spent_s,
        "peak_memory": given.peak_memory,
        "request": None if given.request is None else given.request.value,
        "reason": given.reason,
        "error": given.error,
        "created_at": time_text(given.created_at),
        "started_at": optional_time_text(given.started_at),
        "finished_at": optional_time_text(given.finished_at),
    }


def model(given: Model) -> dict[str, Any]:
    return {
        "id": str(given.id),
        "name": given.name,
        "family": given.family,
        "rank": given.rank,
        "metric": given.metric,
        "score": given.score,
        "scores": dict(given.scores),
        "scored_on": None if given.scored_on is None else given.scored_on.value,
        "n_scored": given.n_scored,
        "fit_s": given.fit_s,
        "predict_s": given.predict_s,
    }


def leaderboard_row(row: LeaderboardRow) -> dict[str, Any]:
    return asdict(row)


def event(told: JobEvent) -> dict[str, Any]:
    """When it was told, and what; number and kind stand elsewhere."""
    return {"at": time_text(told.at), "payload": dict(told.payload)}


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
