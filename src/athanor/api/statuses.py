"""The HTTP status of each kind of error, as dialects have it that say nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from athanor.errors import (
    AthanorError,
    Conflict,
    Forbidden,
    Impossible,
    InvalidInput,
    NotFound,
    NotSupported,
    QuotaExceeded,
    RateLimited,
    ScopeMissing,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

STATUS: Mapping[type[AthanorError], int] = {
    AthanorError: 500,
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    ScopeMissing: 403,
    QuotaExceeded: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Impossible: 422,
    RateLimited: 429,
    NotSupported: 501,
    Unavailable: 503,
}
# Codes that have a status of their own, whatever kind of error carries them.
STATUS_OF_CODE: Mapping[str, int] = {"method-not-allowed": 405, "request-timeout": 408, "unsupported-media-type": 415}


def status_of(error: AthanorError) -> int:
    return STATUS_OF_CODE.get(error.code) or next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
