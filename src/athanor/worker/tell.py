"""The engine's events as the platform keeps them: batched, at most 4 writes a second, with the job's token."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import singledispatchmethod
from math import isfinite
from typing import Any

from athanor.core.event import EventKind
from athanor.core.job import Job
from athanor.engine.events import (
    Event,
    FeaturesMade,
    Finished,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    Outlook,
    Progressed,
    Started,
    TrialFailed,
    TrialFinished,
    Warned,
)
from athanor.errors import Unavailable
from athanor.services.execution import Execution, Told

log = logging.getLogger(__name__)

WRITE_S = 0.25
PROGRESS_S = 2.0  # progress is kept every other second; in between only the job's own figure moves


class Teller:
    """Listens to a run and keeps what it says."""

    def __init__(self, execution: Execution, job: Job, now: Callable[[], datetime]) -> None:
        self._execution = execution
        self._job = job
        self._now = now
        self._waiting: list[Told] = []
        self._progress: float | None = None
        self._written_at = 0.0
        self._progress_at = 0.0
        self._metric = ""
        self._outlook = ""

    def __call__(self, event: Event) -> None:
        self._note(event)
        if time.monotonic() - self._written_at >= WRITE_S:
            try:
                self.flush()
            except Unavailable as error:  # what was told is kept, and written with what comes next
                log.warning("events wait", extra={"job_id": str(self._job.id), "error": str(error)})

    def flush(self) -> None:
        """Write what has not been written. Raises LeaseLost, and Unavailable where it still waits to be written."""
        self._written_at = time.monotonic()
        if self._waiting or self._progress is not None:
            self._execution.tell(self._job, self._waiting, progress=self._progress)
        self._waiting, self._progress = [], None

    def _keep(self, kind: EventKind, payload: Mapping[str, Any]) -> None:
        self._waiting.append((self._now(), kind, payload))

    def _line(self, message: str, level: str = "info") -> None:
        self._keep(EventKind.LINE, {"level": level, "message": message})

    @singledispatchmethod
    def _note(self, event: Any) -> None:
        raise TypeError(f"Nobody said how to keep a {type(event).__name__}.")

    @_note.register
    def _(self, event: Started) -> None:
        self._metric = event.metric
        self._execution.resolve(self._job, problem=event.problem, metric=event.metric)
        self._keep(EventKind.STARTED, asdict(event))
        self._line(f"AutoML job started - problem type: {event.problem}")

    @_note.register
    def _(self, event: FeaturesMade) -> None:
        self._line(f"Feature engineering completed - {event.n_features} features generated")

    @_note.register
    def _(self, event: FoldFinished) -> None:
        fold = asdict(event)
        points = [[step, float(f"{loss:.6g}")] for step, loss in fold.pop("curve") if isfinite(loss)]
        self._keep(EventKind.FOLD, {**fold, "score": _number(event.score)})
        is_told = event.restored and self._job.attempt > 1  # by the attempt of this job that fitted the fold
        if points and not is_told:
            curve = {"trial": event.trial, "label": event.label, "fold": event.fold, "points": points}
            self._keep(EventKind.CURVE, curve)

    @_note.register
    def _(self, event: TrialFinished) -> None:
        self._line(f"Model training: {event.label} completed - {self._metric}: {event.score:.4g}")

    @_note.register
    def _(self, event: TrialFailed) -> None:
        self._line(f"Model training: {event.label} failed - {event.reason}", "warning")

    @_note.register
    def _(self, event: IncumbentChanged) -> None:
        models = "1 model" if event.members == 1 else f"{event.members} models"
        folds = f"{event.folds} of {event.n_folds} folds"
        self._line(f"Best model saved - {self._metric}: {event.score:.4g} ({models}, {folds}, {event.elapsed_s:.1f} s)")
        self._keep(EventKind.INCUMBENT, {**asdict(event), "score": _number(event.score)})

    @_note.register
    def _(self, event: LeaderboardChanged) -> None:
        self._keep(EventKind.LEADERBOARD, {"rows": [asdict(row) for row in event.rows]})

    @_note.register
    def _(self, event: Progressed) -> None:
        self._progress = event.fraction
        if time.monotonic() - self._progress_at >= PROGRESS_S or event.fraction >= 1:
            self._progress_at = time.monotonic()
            self._keep(EventKind.PROGRESS, asdict(event))

    @_note.register
    def _(self, event: Outlook) -> None:
        self._outlook = event.message
        self._keep(EventKind.OUTLOOK, asdict(event))

    @_note.register
    def _(self, event: Warned) -> None:
        self._line(event.message, "warning")

    @_note.register
    def _(self, event: Finished) -> None:
        if self._outlook:
            self._line(self._outlook)
        self._line(f"AutoML job completed - {event.metric}: {event.score:.4g} ({event.reason})")


def _number(score: float) -> float | None:
    """NaN is no JSON."""
    return score if isfinite(score) else None
