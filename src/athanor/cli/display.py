"""What a person sees while a run learns: a live table in a terminal, one line per event anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from athanor.cli.quantities import spell_duration, spell_size
from athanor.cli.tables import spell_score

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, Group

    from athanor.engine.events import Event, Progressed

QUIET_S = 30.0  # so long nothing is said before a line tells that the run lives; longer in long runs
SAVED_S = 1.0  # a better model is told at most once a second


class Display(Protocol):
    """Shows a run's events between `with` and its end. Writes to standard error: standard output is for results."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def tell(self, event: Event) -> None: ...

    def say(self, line: str) -> None: ...


def display_for_terminal(elapsed_s: Callable[[], float]) -> Display:
    """The live display where standard error is a terminal that can draw, else the plain one."""
    if not sys.stderr.isatty():
        return PlainDisplay(elapsed_s)
    from rich.console import Console

    console = Console(stderr=True)
    return PlainDisplay(elapsed_s) if console.is_dumb_terminal else LiveDisplay(elapsed_s, console=console)


class PlainDisplay:
    """One line per event that matters, stamped with the seconds since the start. Not many: someone keeps them."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._metric = "score"
        self._outlook = ""
        self._said_s = 0.0
        self._saved_s = -SAVED_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def tell(self, event: Event) -> None:
        line = self._line_of(event)
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        self._said_s = self._elapsed_s()
        with _whoever_listens():
            print(f"[{self._said_s:6.1f} s] {line}", file=sys.stderr, flush=True)

    def _line_of(self, event: Event) -> str | None:
        from athanor.engine import events

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


class LiveDisplay:
    """A picture of the run that stays in its place, below the lines that are worth keeping."""

    def __init__(self, elapsed_s: Callable[[], float], *, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        from athanor.cli.picture import Picture

        self._elapsed_s = elapsed_s
        self._metric = "score"
        self._console = console or Console(stderr=True)
        self._picture = Picture(ascii_only=not self._console.encoding.startswith("utf"))
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *ended: object) -> None:
        self._live.stop()

    def tell(self, event: Event) -> None:
        from athanor.engine.events import Started, Warned

        self._picture.take(event)
        if isinstance(event, Started):
            self._metric = event.metric
        line = line_of(event, self._metric)
        if line is None:
            return
        if isinstance(event, Started | Warned):  # worth keeping above the picture
            self.say(line)
        else:
            self._picture.news = line

    def say(self, line: str) -> None:
        with _whoever_listens():
            self._console.print(line, markup=False, highlight=False)

    def _draw(self) -> Group:
        return self._picture.draw(self._elapsed_s(), width=self._console.width, height=self._console.height)


def _whoever_listens() -> suppress:
    """A closed terminal or pipe ends no training, nor does a signal that has a word to say in the middle of a line."""
    return suppress(OSError, RuntimeError)


def line_of(event: Event, metric: str) -> str | None:
    """The event in words; None for those that only a picture shows."""
    from athanor.engine import events

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
