"""What a job told, as stored: numbered, timed, readable by every dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class EventKind(StrEnum):
    LINE = "line"  # {"level", "message"}: a log line for people
    PROGRESS = "progress"  # {"fraction", "elapsed_s", "left_s", "doing", "memory_bytes", "memory_limit"}
    LEADERBOARD = "leaderboard"  # {"rows": [LeaderboardRow as JSON]}: the whole, replaces what came before
    OUTLOOK = "outlook"  # {"trials", "trials_left", "folds_left", "needed_s", "gained", "gained_s", "message"}
    INCUMBENT = "incumbent"  # a model is on disk: {"score", "members", "folds", "n_folds", "elapsed_s", "gain"}
    FOLD = "fold"  # {"trial", "family", "label", "fold", "n_folds", "score", "fit_s", "restored", "truncated"}
    CURVE = "curve"  # the learning curve of a fold: {"trial", "label", "fold", "points": [[step, loss]]}
    STARTED = "started"  # the resolved task: {"problem", "metric", "n_rows", "n_features", "n_folds", "time_limit_s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One event of a job. `seq` rises within the job; the numbers of events that were replaced are missing."""

    organization_id: UUID
    job_id: UUID
    seq: int
    at: datetime
    kind: EventKind
    payload: Mapping[str, Any]


# Each of these says how things stand and makes those before it worthless: of a job only the newest is kept.
REPLACED = frozenset({EventKind.PROGRESS, EventKind.LEADERBOARD, EventKind.OUTLOOK})
# These say what happened to one fold: many, and the first to go.
DETAILS = frozenset({EventKind.FOLD, EventKind.CURVE})
MAX_EVENTS = 20_000  # kept of a job; beyond it details are not kept any more
