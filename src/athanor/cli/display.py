"""What a person sees while a run learns: a live table in a terminal, one line per event anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, Group

    from athanor.engine.events import Event


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
    """One line per event that matters, stamped with the seconds since the start."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        from athanor.engine.event_lines import Lines

        self._elapsed_s = elapsed_s
        self._lines = Lines(elapsed_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def tell(self, event: Event) -> None:
        line = self._lines.of(event)
        if line:
            self.say(line)

    def say(self, line: str) -> None:
        now = self._lines.said()
        with _whoever_listens():
            print(f"[{now:6.1f} s] {line}", file=sys.stderr, flush=True)


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
        from athanor.engine.event_lines import line_of
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
