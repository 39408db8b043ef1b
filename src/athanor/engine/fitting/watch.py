"""A fit under watch: whether it goes on after each step, its learning curve, and snapshots of the model so far."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from athanor.engine.family import FittedModel, Step

CURVE_POINTS = 200
SMALL_STEP_S = 0.05  # a first step of this length is always made: it is worth more than it costs
SNAPSHOT_S, SNAPSHOT_SHARE = 2.0, 20  # the time between two snapshots, at least; and in snapshots of their length
_RECENT = 5  # steps: the longest of them says how long the next one may take
_LEAST_STEPS = 20  # what an ending took after fewer steps was mostly not their doing

Curve = tuple[tuple[int, float], ...]


@dataclass(slots=True, kw_only=True)
class Ending:
    """What comes after the last step, predicting and saving: guessed, until it was seen.

    step_s   guess of the seconds for each step: a model that grows with its steps takes longer
    fixed_s  guess of the seconds for none
    """

    step_s: float
    fixed_s: float = 0.03
    _seen: tuple[int, float] | None = field(default=None, init=False)
    _seen_before: tuple[int, float] | None = field(default=None, init=False)

    def note(self, n_steps: int, seconds: float) -> None:
        """It was seen to take so long after so many steps."""
        if self._seen is not None and self._seen[0] != n_steps:
            self._seen_before = self._seen
        self._seen = (n_steps, seconds)

    def after(self, n_steps: int) -> float:
        """Seconds, after so many steps."""
        if self._seen is None:
            return self.fixed_s + n_steps * self.step_s
        n_seen, seconds = self._seen
        # Seen once it may all have come from the steps. Seen twice it says how much of it did.
        step_s = most_s = seconds / max(n_seen, _LEAST_STEPS)
        if self._seen_before is not None:
            n_before, seconds_before = self._seen_before
            step_s = min(max((seconds - seconds_before) / (n_seen - n_before), 0.0), most_s)
        return max(seconds + step_s * (n_steps - n_seen), min(seconds, self.fixed_s))


@dataclass(slots=True, kw_only=True)
class Watch:
    """Asked at each step of one fit whether to end it.

    Without a deadline nothing here depends on the clock.

    deadline  point of `clock` by which the fit has to be back, its model saved; None: when it is done
    closing   everybody stops
    ending    how long predicting and saving will take
    keep      keeps the model so far as a snapshot
    """

    clock: Callable[[], float]
    deadline: float | None
    closing: Callable[[], bool]
    ending: Ending
    keep: Callable[[FittedModel], None]
    n_steps: int = field(default=0, init=False)
    is_cut: bool = field(default=False, init=False)  # the fit was told to end, or to make a smaller first step
    _is_ended: bool = field(default=False, init=False)
    _losses: list[tuple[int, float]] = field(default_factory=list, init=False)
    _recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT), init=False)
    _stepped_at: float = field(init=False)
    _kept_at: float = field(init=False)
    _keeps: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._stepped_at = self._kept_at = self.clock()

    def __call__(self, step: Step) -> bool:
        """Whether to end the fit here. Before the first step: whether not to make one of that length."""
        self.n_steps = step.n
        if step.loss is not None and math.isfinite(step.loss):
            self._losses.append((step.n, step.loss))
        if step.n == 0:
            is_over = self._is_too_long(step.next_s or 0.0)
        else:
            is_over = self._is_ended = self._is_ended or self._is_over(step)
        self.is_cut |= bool(is_over)
        return is_over

    @property
    def curve(self) -> Curve:
        """The losses by step: the first, the best, the last, and others at even distances."""
        return thinned(self._losses)

    def _is_too_long(self, first_s: float) -> bool:
        now = self._stepped_at = self.clock()  # steps are measured from here
        if first_s <= SMALL_STEP_S:
            return False
        return self.closing() or (self.deadline is not None and now + first_s + self.ending.after(1) > self.deadline)

    def _is_over(self, step: Step) -> bool:
        if self.closing():
            return True
        if self.deadline is None:
            return False
        now = self.clock()
        self._recent_s.append(now - self._stepped_at)
        self._stepped_at = now
        ending_s = self.ending.after(step.n)
        spare_s = self.deadline - now - ending_s - max(self._recent_s)
        if spare_s < 0.0:
            return True
        if self._keeps and now - self._kept_at >= max(SNAPSHOT_S, SNAPSHOT_SHARE * ending_s) and spare_s > ending_s:
            self._keep(step)
        return False

    def _keep(self, step: Step) -> None:
        started = self.clock()
        try:
            self.keep(step.model())
        except (MemoryError, OSError):  # what is fitted comes first: it goes on without snapshots
            self._keeps = False
        self._stepped_at = self._kept_at = self.clock()
        self.ending.note(step.n, self._kept_at - started)


def thinned(losses: Sequence[tuple[int, float]], most: int = CURVE_POINTS) -> Curve:
    """At most so many points: the first, the best, the last, and others at even distances."""
    last = len(losses) - 1
    if last < most:
        return tuple(losses)
    best = min(range(len(losses)), key=lambda place: losses[place][1])
    places = {place * last // (most - 2) for place in range(most - 1)} | {best}
    return tuple(losses[place] for place in sorted(places))
