"""The events of a run in words: a line for each that matters, and not many, for someone keeps them."""

from __future__ import annotations

from collections.abc import Callable

from athanor.engine import events
from athanor.engine.events import Event, Progressed
from athanor.quantities import spell_duration, spell_score, spell_size

QUIET_S = 30.0  # so long nothing is said before a line tells that the run lives; longer in long runs
SAVED_S = 1.0  # a better model is told at most once a second


class Lines:
    """Which events of one run are worth a line, where each line stays."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._metric = "score"
        self._outlook = ""
        self._said_s = 0.0
        self._saved_s = -SAVED_S

    def said(self) -> float:
        """Take note that a line was said now, this many seconds from the start."""
        self._said_s = self._elapsed_s()
        return self._said_s

    def of(self, event: Event) -> str | None:
        """The line; None where the event is worth none now."""
        now = self._elapsed_s()
        match event:
            case events.Started():
                self._metric = event.metric
            case events.Outlook():
                self._outlook = event.message
            case events.Finished():
                return self._outlook
            case events.Progressed():
                is_quiet = now - self._said_s >= max(QUIET_S, now / 20)
                return spell_progress(event) if is_quiet else None
            case events.IncumbentChanged():
                if now - self._saved_s < SAVED_S:
                    return None
                self._saved_s = now
        return line_of(event, self._metric)


def line_of(event: Event, metric: str) -> str | None:
    """The event in words; None for those that only a picture shows."""
    match event:
        case events.Started():
            limit = "no time limit" if event.time_limit_s is None else f"limit {spell_duration(event.time_limit_s)}"
            return (
                f"Learning: {event.problem}, metric {event.metric}, {event.n_rows:,} rows, "
                f"{event.n_features} features, {event.n_folds} folds, {limit}."
            )
        case events.IncumbentChanged():
            members = "1 member" if event.members == 1 else f"{event.members} members"
            folds = f"{event.folds} of {event.n_folds} folds"
            return f"Model on disk: {metric} {spell_score(event.score)} ({members}, {folds})."
        case events.TrialFinished():
            return f"{event.label}: {metric} {spell_score(event.score)} ({spell_duration(event.fit_s)} of fitting)."
        case events.TrialFailed():
            return f"{event.label} was given up: {event.reason}"
        case events.Warned():
            return f"Note: {event.message}"
        case _:
            return None


def spell_progress(event: Progressed) -> str:
    """How far the run is, in a line."""
    left = "" if event.left_s is None else f", {spell_duration(event.left_s)} left"
    used = f", {spell_size(event.memory_bytes)} of memory" if event.memory_bytes else ""
    return f"{event.fraction:.0%}, {event.doing}{left}{used}."
