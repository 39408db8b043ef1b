"""The vendor's words for the core's: states, times, names of jobs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime

from athanor.core.job import Job, JobState

DIALECT = "vecml"  # as aliases and origins name it
UPLOAD_JOB, LABEL_JOB, TRAIN_JOB = "UploadJob", "LabelJob", "TrainJob"  # how job ids end
STATES: Mapping[JobState, str] = {
    JobState.READY: "pending",
    JobState.QUEUED: "pending",
    JobState.RUNNING: "in_progress",
    JobState.SUCCEEDED: "finished",
    JobState.FAILED: "failed",
    JobState.STOPPED: "failed",
}


def time_text(at: datetime) -> str:
    """`2025/02/01 09:55:00`, UTC."""
    return at.astimezone(UTC).strftime("%Y/%m/%d %H:%M:%S")


def minute_text(at: datetime) -> str:
    """`2025/02/01, 09:55`, UTC: how lists tell when something was made."""
    return at.astimezone(UTC).strftime("%Y/%m/%d, %H:%M")


def duration_text(seconds: float) -> str:
    """`00:01:40`; the hours may pass 99."""
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def duration_of(job: Job, now: datetime) -> str:
    """How long the job has been running, or ran."""
    if job.started_at is None:
        return duration_text(0)
    return duration_text(((job.finished_at or now) - job.started_at).total_seconds())


def user_word(name: str) -> str:
    """A user's name as it stands in job ids: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:40] or "user"


def job_name(user: str, project: str, collection: str, ending: str) -> str:
    """`alice_AutoML-Demo_training_data_UploadJob`. Where it is taken, whoever gives it out puts a number behind."""
    return f"{user}_{project}_{collection}_{ending}"
