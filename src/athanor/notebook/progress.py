"""What a person sees while a run learns: a picture that stays in its place in a notebook, a few lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import singledispatchmethod
from importlib import import_module
from math import isfinite
from typing import Any, Protocol

from athanor.engine.event_lines import Lines, line_of
from athanor.engine.events import (
    Event,
    Finished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Listener,
    Outlook,
    Progressed,
    Started,
    Warned,
)
from athanor.engine.profile_page.html import Html, element
from athanor.errors import InvalidInput
from athanor.notebook.html import bar_html, block, curve_html, dim, table_html
from athanor.quantities import spell_duration, spell_score, spell_size

DRAWN_S = 0.4  # a picture is drawn at most that often
SHOWN_ROWS = 8  # of the leaderboard
SHOWN_NOTES = 5
_CURVE_POINTS = 40

Progress = bool | Callable[[Event], Any]


class Display(Protocol):
    """Shows a run's events."""

    def tell(self, event: Event) -> None: ...

    def say(self, line: str) -> None:
        """Show a line that is worth keeping."""
        ...


@contextmanager
def display_for(progress: Progress, *, clock: Callable[[], float] = time.monotonic) -> Iterator[Display]:
    """True: a picture in a notebook, lines on standard error elsewhere. False: nothing. A function hears each event."""
    if not isinstance(progress, bool) and not callable(progress):
        raise InvalidInput(f"`progress` must be True, False or a function, got {progress!r}.", field="progress")
    started = clock()

    def elapsed_s() -> float:
        return clock() - started

    if callable(progress):
        yield _Told(progress)
    elif not progress:
        yield _Told(lambda event: None)  # noqa: ARG005
    elif is_notebook():
        picture = Picture(elapsed_s)
        try:
            yield picture
        finally:
            picture.end()
    else:
        yield Plain(elapsed_s)


def is_notebook() -> bool:
    """Whether this process is a notebook's kernel. Imports nothing: a kernel has imported IPython."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


@dataclass(frozen=True, slots=True)
class _Told:
    tell: Listener

    def say(self, line: str) -> None:
        self.tell(Warned(message=line))


class Plain:
    """One line per event that matters, stamped with the seconds since the start."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._lines = Lines(elapsed_s)

    def tell(self, event: Event) -> None:
        line = self._lines.of(event)
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        now = self._lines.said()
        with suppress(OSError, ValueError):  # a pipe that nobody reads, or a closed stream, ends no training
            sys.stderr.write(f"[{now:6.1f} s] {line}\n")
            sys.stderr.flush()


@dataclass(slots=True)
class _State:
    """What is known of the run."""

    started: Started | None = None
    now: Progressed | None = None
    rows: tuple[LeaderboardRow, ...] = ()
    scores: list[tuple[float, float]] = field(default_factory=list)  # (seconds, score) of the models on disk
    outlook: str = ""
    ended: Finished | None = None
    notes: list[str] = field(default_factory=list)
    news: str = ""


class Picture:
    """One piece of HTML that is put in the place of itself."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._state = _State()
        self._drawn_at_s = -DRAWN_S
        self._handle: Any = None

    def tell(self, event: Event) -> None:
        self._take(event)
        line = line_of(event, "score" if self._state.started is None else self._state.started.metric)
        if line is not None and not isinstance(event, Started | Warned):
            self._state.news = line
        if isinstance(event, Finished) or self._elapsed_s() - self._drawn_at_s >= DRAWN_S:
            self._draw()

    def say(self, line: str) -> None:
        self._state.notes.append(line)
        self._draw()

    def end(self) -> None:
        """Draw what came since the last time."""
        self._draw()

    @singledispatchmethod
    def _take(self, event: object) -> None:
        """Take up an event. Most of them only make a line."""

    @_take.register
    def _(self, event: Started) -> None:
        self._state.started = event

    @_take.register
    def _(self, event: Progressed) -> None:
        self._state.now = event

    @_take.register
    def _(self, event: LeaderboardChanged) -> None:
        self._state.rows = event.rows

    @_take.register
    def _(self, event: IncumbentChanged) -> None:
        self._state.scores.append((event.elapsed_s, event.score))

    @_take.register
    def _(self, event: Outlook) -> None:
        self._state.outlook = event.message

    @_take.register
    def _(self, event: Warned) -> None:
        self._state.notes.append(f"Note: {event.message}")

    @_take.register
    def _(self, event: Finished) -> None:
        self._state.ended = event

    def _draw(self) -> None:
        ipython: Any = import_module("IPython.display")
        self._drawn_at_s = self._elapsed_s()
        drawn = ipython.HTML(picture_html(self._state, self._drawn_at_s))
        if self._handle is None:
            self._handle = ipython.display(drawn, display_id=True)
        else:
            self._handle.update(drawn)


def picture_html(state: _State, elapsed_s: float) -> Html:
    """The run as it stands, without a reference to anything outside."""
    started = state.started
    metric = "score" if started is None else started.metric
    parts: list[Html | None] = []
    if started is not None:
        parts.append(element("div", element("b", line_of(started, metric) or "")))
    parts.append(element("div", _words(state, elapsed_s)))
    if state.ended is None and state.now is not None:
        parts.append(bar_html(state.now.fraction))
    if state.rows:
        parts.append(_leaderboard(state.rows, metric))
        left = len(state.rows) - SHOWN_ROWS
        parts.append(element("div", dim(f"and {left} more")) if left > 0 else None)
    parts.append(_score_line(state.scores, metric))
    parts.append(element("div", state.outlook) if state.outlook else None)
    if state.ended is None and state.news:
        parts.append(element("div", dim(state.news)))
    parts += [element("div", dim(note)) for note in state.notes[-SHOWN_NOTES:]]
    return block(*parts)


def _words(state: _State, elapsed_s: float) -> str:
    if state.ended is not None:
        score = f"{state.ended.metric} {spell_score(state.ended.score)}"
        return f"{score} · ended after {spell_duration(elapsed_s)} ({state.ended.reason})"
    now = state.now
    if now is None:
        return f"reading · {spell_duration(elapsed_s)}"
    left = [] if now.left_s is None else [f"{spell_duration(now.left_s)} left"]
    memory = [f"memory {spell_size(now.memory_bytes)}"] if now.memory_bytes else []
    return " · ".join([f"{now.fraction:.0%}", now.doing, spell_duration(elapsed_s), *left, *memory])


def _leaderboard(rows: tuple[LeaderboardRow, ...], metric: str) -> Html:
    head = ("rank", "model", metric, "fit s", "folds")
    shown = rows[:SHOWN_ROWS]
    cells = [
        (
            "-" if row.rank is None else str(row.rank),
            row.name,
            spell_score(row.score),
            f"{row.fit_s:.1f}",
            f"{row.folds}/{row.n_folds}",
        )
        for row in shown
    ]
    partial = [place for place, row in enumerate(shown) if row.rank is None]
    return table_html(head, cells, right=("rank", metric, "fit s", "folds"), dim=partial)


def _score_line(scores: list[tuple[float, float]], metric: str) -> Html | None:
    """The score of the model on disk over time."""
    known = [score for _, score in scores if isfinite(score)]
    if len(known) < 2:
        return None
    told = f"{spell_score(known[0])} → {spell_score(known[-1])}"
    curve = curve_html(known[-_CURVE_POINTS:], label=f"{metric} of the model on disk: {told}")
    return element("div", dim(f"{metric} of the model "), curve, f" {told}")
