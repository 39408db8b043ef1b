"""What can go wrong, told apart as far as a caller may want to. The leaf of the import graph."""

from __future__ import annotations


class AthanorError(Exception):
    """Something went wrong that a caller may want to tell apart.

    The message says what was expected, what came and what to do. `code` is a stable word for programs.
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class InvalidInput(AthanorError):
    """What came does not fit what was expected. `field` names the part, where there is one."""

    code = "invalid-input"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Impossible(AthanorError):
    """The input is well formed, but nothing can be learned or answered from it."""

    code = "impossible"


class Unauthenticated(AthanorError):
    """No key came, or one that is unknown, expired or revoked."""

    code = "unauthenticated"


class Forbidden(AthanorError):
    """The caller is known and may not do this."""

    code = "forbidden"


class ScopeMissing(Forbidden):
    """The key is good but lacks a scope."""

    code = "scope-missing"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This key lacks the scope {scope!r}. Make one that has it, or ask its owner.")
        self.scope = scope


class NotFound(AthanorError):
    """No such thing, or it belongs to someone else."""

    code = "not-found"


class Conflict(AthanorError):
    """The thing exists and is not in a state that allows this."""

    code = "conflict"


class TooLarge(AthanorError):
    """More bytes, rows or columns came than the limit allows."""

    code = "too-large"


class RateLimited(AthanorError):
    """Too many requests. `retry_after_s` says when the next one is welcome."""

    code = "rate-limited"

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExceeded(AthanorError):
    """A quota of the organization is used up."""

    code = "quota-exceeded"


class NotSupported(AthanorError):
    """Well understood, and not built (yet)."""

    code = "not-supported"


class Unavailable(AthanorError):
    """It would work, but not now: a full disk, a busy store, a server on its way down."""

    code = "unavailable"
