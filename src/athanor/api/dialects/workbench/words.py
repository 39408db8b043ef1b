"""The vendor's words for the core's: states, problems, metrics, scopes, ids, times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from athanor.api.auth import NEEDS
from athanor.core.actor import Scope
from athanor.core.job import JobState
from athanor.errors import InvalidInput, NotFound

STATES: Mapping[JobState, str] = {
    JobState.READY: "queued",
    JobState.QUEUED: "queued",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "completed",
    JobState.FAILED: "failed",
    JobState.STOPPED: "stopped",
}

PROBLEMS: Mapping[str, str] = {  # core -> vendor
    "binary": "binary_classification",
    "multiclass": "multiclass_classification",
    "regression": "regression",
}
DEFAULT_METRICS: Mapping[str, str] = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}
METRICS: Mapping[str, str] = {  # vendor, where it is another word -> core
    "auc": "roc_auc",
    "f1_score": "f1",
    "logloss": "log_loss",
    "root_mean_squared_error": "rmse",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
}
FAMILIES: Mapping[str, str] = {  # vendor, where the family itself does not know the word -> core
    "linearmodel": "linear",
    "nn_torch": "neural",
    "fastai": "neural",
}
FIELDS: Mapping[str, str] = {  # a core field that an error names -> the vendor's
    "target": "targetColumn",
    "features": "featureColumns",
    "problem": "problemType",
    "time_limit_s": "timeLimit",
    "excluded_families": "advanced.excludeModels",
    "cores": "hardware.cpu_count",
    "dataset_id": "dataset",
    "expires_in_days": "expiresInDays",
}

# What a vendor's scope lets a key do. The core's own words are taken as well, for keys of other dialects.
SCOPES: Mapping[str, frozenset[Scope]] = {
    "ml-workbench:read": frozenset({Scope.DATA_READ, Scope.RUNS_READ}),
    "ml-workbench:write": frozenset({Scope.DATA_WRITE, Scope.RUNS_WRITE, Scope.MODELS_WRITE}),  # it deploys, too
    "model-registry:read": frozenset({Scope.MODELS_READ}),
    "model-registry:write": frozenset({Scope.MODELS_WRITE, Scope.PREDICT}),
    "api-keys:read": frozenset({Scope.KEYS_READ}),
    "api-keys:write": frozenset({Scope.KEYS_WRITE}),
}
VENDOR_SCOPE: Mapping[Scope, str] = {scope: word for word, scopes in SCOPES.items() for scope in scopes}


def needs(*scopes: Scope) -> dict[str, Any]:
    """A route's OpenAPI entry: the scopes it asks for, and the vendor's word for the first one."""
    return {NEEDS: [scope.value for scope in scopes], "x-scope": VENDOR_SCOPE[scopes[0]]}


def core_scopes(words: Iterable[str]) -> frozenset[Scope]:
    granted: set[Scope] = set()
    for word in words:
        if word in SCOPES:
            granted |= SCOPES[word]
        elif word in set(Scope):
            granted.add(Scope(word))
        else:
            raise InvalidInput(f"No scope {word[:80]!r}. Known: {', '.join(SCOPES)}.", field="scopes")
    return frozenset(granted)


def vendor_scopes(scopes: frozenset[Scope]) -> list[str]:
    """The vendor's scopes that are held whole, and the core's word for what is left over."""
    whole = [word for word, meant in SCOPES.items() if meant <= scopes]
    covered = frozenset().union(*(SCOPES[word] for word in whole))
    return whole + sorted(scope.value for scope in scopes - covered)


def job_states(word: str) -> list[JobState]:
    """The states that the vendor's word stands for."""
    found = [state for state, shown in STATES.items() if shown == word]
    if not found:
        known = ", ".join(dict.fromkeys(STATES.values()))
        raise InvalidInput(f"No status {word[:80]!r}. Known: {known}.", field="status")
    return found


# ids: a prefix and the 32 hexadecimal digits of the core's UUID


def job_id(id: UUID) -> str:  # noqa: A002
    return f"aml_{id.hex}"


def dataset_id(id: UUID) -> str:  # noqa: A002
    return f"ds_{id.hex}"


def model_id(id: UUID) -> str:  # noqa: A002
    return f"model_{id.hex}"


def key_id(id: UUID) -> str:  # noqa: A002
    return f"key_{id.hex}"


def upload_id(id: UUID) -> str:  # noqa: A002
    return f"upload_{id.hex}"


def user_id(id: UUID) -> str:  # noqa: A002
    return f"user_{id.hex}"


def organization_id(id: UUID) -> str:  # noqa: A002
    return f"org_{id.hex}"


_HEX = re.compile(r"[0-9a-f]{32}")


def parse_id(text: str, prefix: str) -> UUID | None:
    """The UUID in `prefix` + hex, or in a bare UUID as other dialects spell it. None where there is none."""
    digits = text.removeprefix(prefix).lower().replace("-", "")
    return UUID(hex=digits) if _HEX.fullmatch(digits) else None


def wanted_id(text: str, prefix: str, noun: str) -> UUID:
    """The UUID of what a path names. Raises NotFound: what cannot be an id names nothing."""
    found = parse_id(text, prefix)
    if found is None:
        raise NotFound(f"No {noun} {text[:80]!r}.")
    return found


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def ids_as_sent(message: str, sent: Iterable[str]) -> str:
    """The message with the caller's spelling of the ids in it: as they stood in the path, and datasets with `ds_`."""
    spellings = {str(found): text for text in sent if (found := parse_id(text, text[: text.find("_") + 1]))}
    told = _UUID.sub(lambda found: spellings.get(found.group(), found.group()), message)
    return re.sub(rf"(?<=dataset with id ){_UUID.pattern}", lambda found: dataset_id(UUID(found.group())), told)


# times: ISO 8601, UTC, whole seconds


def time_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional_time_text(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def parse_time(text: str, *, field: str) -> datetime:
    """An ISO 8601 time; one without an offset is UTC."""
    try:
        at = datetime.fromisoformat(text.strip().replace(" ", "+"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"`{field}` must be an ISO 8601 time such as 2025-02-01T10:00:05Z, got {text[:80]!r}.", field=field
        ) from error


def parse_sort(
    sort: str | None, sort_by: str | None, sort_order: str | None, fields: Mapping[str, str]
) -> tuple[str, bool]:
    """`sort=field:direction` or `sortBy` and `sortOrder` as (core field, descending)."""
    word, _, direction = (sort or f"{sort_by or 'createdAt'}:{sort_order or 'desc'}").partition(":")
    if word not in fields:
        raise InvalidInput(f"Cannot sort by {word[:80]!r}. Known: {', '.join(fields)}.", field="sort")
    if direction.lower() not in {"", "asc", "desc"}:
        raise InvalidInput(f"A direction is `asc` or `desc`, got {direction[:80]!r}.", field="sort")
    return fields[word], direction.lower() != "asc"


def problem_in_words(message: str) -> str:
    """A log line with the vendor's word for the problem."""
    return re.sub(
        r"(?<=problem type: )(\w+)", lambda found: PROBLEMS.get(found.group(), found.group()), message, count=1
    )


def family_names(words: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The core's names of model families that `words` mean, and the words that mean none."""
    from athanor.engine import models

    if not words:  # the learners are not imported for nothing
        return (), []
    meant = {word: FAMILIES.get(word.strip().lower()) or models.family_meant(word) for word in words}
    found = tuple(dict.fromkeys(name for name in meant.values() if name is not None))
    return found, [word for word, name in meant.items() if name is None]
