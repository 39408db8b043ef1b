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
    PROGRESS = "progress"  # {"fraction", "elapsed_s", "left_s", "doing"}
    LEADERBOARD = "leaderboard"  # {"rows": [LeaderboardRow as JSON]}: the whole, replaces what came before
    FOLD = "fold"  # {"trial", "fold", "restored", "score", "fit_s"}
    STARTED = "started"  # the resolved task: {"problem", "metric", "n_rows", "n_features", "n_folds"}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One event of a job. `seq` rises by 1 within the job."""

    organization_id: UUID
    job_id: UUID
    seq: int
    at: datetime
    kind: EventKind
    payload: Mapping[str, Any]


MAX_EVENTS = 20_000  # a job; beyond it only lines and leaderboards are kept
