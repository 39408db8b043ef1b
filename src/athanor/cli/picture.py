"""What the live view shows of a run: how far it is, the leaderboard, curves, and what more time would buy."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatchmethod
from math import isfinite
from typing import TYPE_CHECKING

from athanor.cli.sparkline import bar, over_time, sparkline
from athanor.cli.tables import live_cells, live_head
from athanor.engine.events import (
    Finished,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Outlook,
    Progressed,
    Started,
)
from athanor.quantities import spell_duration, spell_score, spell_size

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

SHOWN_ROWS = 8  # of the leaderboard
OTHER_LINES = 11  # around the leaderboard, at most
BAR_WIDTH, CURVE_WIDTH = 60, 24
FULL = 0.85  # share of its limit from which on the memory is worth a look


class Picture:
    """Takes up what a run tells; `draw` shows it as it stands."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only
        self._metric = "score"
        self._now = Progressed(fraction=0.0, elapsed_s=0.0, left_s=None, doing="reading")
        self._told_at_s: float | None = None  # when that was first drawn: from then on it is counted down
        self._rows: tuple[LeaderboardRow, ...] = ()
        self._scores: list[tuple[float, float]] = []  # (seconds, score) of the models on disk
        self._curves: dict[str, FoldFinished] = {}  # the newest of each trial
        self._newest_trial = ""
        self._outlook: Outlook | None = None
        self._ended: Finished | None = None
        self.news = ""  # the last thing that happened, in words

    @singledispatchmethod
    def take(self, event: object) -> None:
        """Take up an event. Most of them only make a line."""

    @take.register
    def _(self, event: Started) -> None:
        self._metric = event.metric

    @take.register
    def _(self, event: Progressed) -> None:
        self._now, self._told_at_s = event, None

    @take.register
    def _(self, event: LeaderboardChanged) -> None:
        self._rows = event.rows

    @take.register
    def _(self, event: IncumbentChanged) -> None:
        self._scores.append((event.elapsed_s, event.score))

    @take.register
    def _(self, event: FoldFinished) -> None:
        points = tuple((step, loss) for step, loss in event.curve if isfinite(loss))
        if len(points) > 1:
            self._curves[event.trial] = replace(event, curve=points)
            self._newest_trial = event.trial

    @take.register
    def _(self, event: Outlook) -> None:
        self._outlook = event

    @take.register
    def _(self, event: Finished) -> None:
        self._ended = event

    def draw(self, elapsed_s: float, *, width: int, height: int) -> Group:
        """The picture at a moment, for a terminal of this size."""
        from rich.console import Group
        from rich.text import Text

        parts: list[Text | Table] = [self._line(self._state(elapsed_s), style=self._alarm())]
        if self._ended is None:
            drawn = bar(self._now.fraction, min(BAR_WIDTH, width - 6), ascii_only=self._ascii_only)
            parts.append(self._line(f"{drawn} {self._now.fraction:4.0%}"))
        if self._rows:
            parts += [Text(""), self._leaderboard(max(min(SHOWN_ROWS, height - OTHER_LINES), 1))]
        curves = [line for line in (self._score_line(), self._loss_line()) if line]
        if curves:
            parts += [Text(""), *map(self._line, curves)]
        if self._outlook is not None:
            parts += [Text(""), Text(self._outlook.message)]
        if self.news and self._ended is None:
            parts.append(self._line(self.news, style="dim"))
        return Group(*parts)

    def _line(self, text: str, *, style: str = "") -> Text:
        """One line, whatever its length: a picture that grows and shrinks is hard to look at."""
        from rich.text import Text

        return Text(text, style=style, no_wrap=True, overflow="crop" if self._ascii_only else "ellipsis")

    def _state(self, elapsed_s: float) -> str:
        now, words = self._now, []
        if self._ended is not None:
            words.append(f"ended after {spell_duration(elapsed_s)} ({self._ended.reason})")
        else:
            words += [now.doing, spell_duration(elapsed_s)]
            if now.left_s is not None:
                if self._told_at_s is None:
                    self._told_at_s = elapsed_s
                left_s = now.left_s - (elapsed_s - self._told_at_s)
                words.append(f"{spell_duration(max(left_s, 0.0))} left")
            elif self._outlook is not None and self._outlook.needed_s:
                words.append(f"about {spell_duration(self._outlook.needed_s)} to go")
        if now.memory_bytes and self._ended is None:
            limit = "" if now.memory_limit is None else f" of {spell_size(now.memory_limit)}"
            words.append(f"memory {spell_size(now.memory_bytes)}{limit}")
        return (", " if self._ascii_only else " · ").join(words)

    def _alarm(self) -> str:
        limit = self._now.memory_limit
        return "yellow" if limit is not None and self._now.memory_bytes > FULL * limit else ""

    def _leaderboard(self, n_rows: int) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in live_head(self._metric):
            table.add_column(
                Text(name),
                justify="left" if name == "model" else "right",
                no_wrap=True,
                overflow="crop" if self._ascii_only else "ellipsis",
            )
        shown = self._rows[:n_rows]
        for row, cells in zip(shown, live_cells(shown), strict=True):
            table.add_row(*map(Text, cells), style="dim" if row.rank is None else "")
        if len(self._rows) > n_rows:
            table.add_row("", Text(f"and {len(self._rows) - n_rows} more", style="dim"))
        return table

    def _score_line(self) -> str:
        """The score of the model on disk over time."""
        if len(self._scores) < 2:
            return ""
        until = self._now.elapsed_s if self._ended is None else self._scores[-1][0]
        values = over_time(self._scores, until, CURVE_WIDTH)
        return self._curve("model", values, self._scores[0][1], self._scores[-1][1])

    def _loss_line(self) -> str:
        """The learning curve of the best trial, in the last of its folds."""
        trials = [row.trial for row in self._rows if row.trial in self._curves]
        fold = self._curves.get(trials[0] if trials else self._newest_trial)
        if fold is None:
            return ""
        values = over_time(fold.curve, fold.curve[-1][0], CURVE_WIDTH)
        best_step, best = min(fold.curve, key=lambda point: point[1])
        told = self._curve("loss", values, fold.curve[0][1], best)
        return f"{told} at {best_step}, {fold.label} fold {fold.fold + 1}"

    def _curve(self, name: str, values: list[float], first: float, last: float) -> str:
        drawn = sparkline(values, ascii_only=self._ascii_only)
        arrow = "to" if self._ascii_only else "→"
        return f"{name:5}  {drawn}  {spell_score(first)} {arrow} {spell_score(last)}"
