"""What a person sees while a run learns: a live table in a terminal, one line per event anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from athanor.cli.quantities import spell_duration
from athanor.cli.tables import LEADERBOARD_HEAD, LEADERBOARD_RIGHT, leaderboard_cells, spell_score

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, Group

    from athanor.engine.events import Event, LeaderboardRow

SHOWN_ROWS = 8  # of the leaderboard, in the live view
BAR_WIDTH = 60


class Display(Protocol):
    """Shows a run's events between `with` and its end. Writes to standard error: standard output is for results."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def tell(self, event: Event) -> None: ...

    def say(self, line: str) -> None: ...


def display_for_terminal(elapsed_s: Callable[[], float]) -> Display:
    """The live display where standard error is a terminal, else the plain one."""
    return LiveDisplay(elapsed_s) if sys.stderr.isatty() else PlainDisplay(elapsed_s)


class PlainDisplay:
    """One line per event that matters, stamped with the seconds since the start."""

    def __init__(self, elapsed_s: Callable[[], float]) -> None:
        self._elapsed_s = elapsed_s
        self._metric = "score"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        pass

    def tell(self, event: Event) -> None:
        from athanor.engine.events import Started

        if isinstance(event, Started):
            self._metric = event.metric
        line = line_of(event, self._metric)
        if line is not None:
            self.say(line)

    def say(self, line: str) -> None:
        with _whoever_listens():
            print(f"[{self._elapsed_s():6.1f} s] {line}", file=sys.stderr, flush=True)


class LiveDisplay:
    """A progress bar above the leaderboard, and the last thing that happened below."""

    def __init__(self, elapsed_s: Callable[[], float], *, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._elapsed_s = elapsed_s
        self._metric = "score"
        self._fraction = 0.0
        self._doing = "reading"
        self._left_s: float | None = None
        self._news = ""
        self._rows: tuple[LeaderboardRow, ...] = ()
        self._live = Live(
            console=console or Console(stderr=True),
            get_renderable=self._picture,
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
        from athanor.engine.events import LeaderboardChanged, Progressed, Started, Warned

        if isinstance(event, Started):
            self._metric = event.metric
        elif isinstance(event, Progressed):
            self._fraction, self._left_s, self._doing = event.fraction, event.left_s, event.doing
        elif isinstance(event, LeaderboardChanged):
            self._rows = event.rows
        line = line_of(event, self._metric)
        if line is not None:
            self._news = line
            if isinstance(event, Started | Warned):  # worth keeping above the live part
                self.say(line)

    def say(self, line: str) -> None:
        with _whoever_listens():
            self._live.console.print(line, markup=False, highlight=False)

    def _picture(self) -> Group:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        left = "" if self._left_s is None else f", {spell_duration(self._left_s)} left"
        parts: list[Text | Table] = [
            Text(f"{self._doing} · {spell_duration(self._elapsed_s())}{left}"),
            Text(bar(self._fraction)),
        ]
        if self._rows:
            table = Table(box=None, pad_edge=False, header_style="bold")
            for name in LEADERBOARD_HEAD:
                shown = f"{name} ({self._metric})" if name == "score" else name
                table.add_column(shown, justify="right" if name in LEADERBOARD_RIGHT else "left")
            for cells in leaderboard_cells(self._rows[:SHOWN_ROWS]):
                table.add_row(*map(Text, cells))
            parts.append(table)
        parts.append(Text(self._news, style="dim"))
        return Group(*parts)


def _whoever_listens() -> suppress:
    """A closed terminal or pipe ends no training, nor does a signal that has a word to say in the middle of a line."""
    return suppress(OSError, RuntimeError)


def bar(fraction: float) -> str:
    """A line that is filled as far as the run is."""
    filled = round(BAR_WIDTH * min(max(fraction, 0.0), 1.0))
    return "━" * filled + "╌" * (BAR_WIDTH - filled)


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
