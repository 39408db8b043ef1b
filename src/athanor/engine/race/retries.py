"""Fits beside each other, and how one whose process was lost is tried again: alone, with fewer rows, or no more."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from athanor.engine.fitting.crossfit import FoldFit, fewer_rows
from athanor.engine.processes.pool import NEEDS_ROOM, OUT_OF_MEMORY

TRIES = 3  # of a fold whose process was lost


@dataclass(slots=True)
class Retries:
    """What a race learns of the memory that its trials' fits need.

    workers  that fit side by side
    warn     hears in words why a fit is tried otherwise
    """

    workers: int
    warn: Callable[[str], None]
    max_rows: dict[str, int | None] = field(default_factory=dict, init=False)  # of trials that had too little memory
    _alone: set[str] = field(default_factory=set, init=False)  # trials whose fits need all the memory
    _lost: dict[tuple[str, int], int] = field(default_factory=dict, init=False)

    def has_place(self, order: FoldFit, under_way: Collection[FoldFit]) -> bool:
        """Whether the fit may start beside those under way: one that needs all the memory waits for them to end."""
        if not under_way:
            return True
        if self._is_alone(order) or any(map(self._is_alone, under_way)):
            return False
        return len(under_way) < self.workers

    def with_room(self, order: FoldFit, room: int | None) -> FoldFit:
        """The order with the memory that it may take now, and what it could have if it ran alone.

        room  bytes for all fits together; None: nobody watches
        """
        if room is None:
            return order
        return replace(order, memory=room if self._is_alone(order) else room // self.workers, room=room)

    def again(self, order: FoldFit, lost: str, *, label: str, place: str, n_rows: int) -> FoldFit | None:
        """The fit to try in the place of one whose process was lost; None where it was lost too often.

        lost    why, as the pool says it
        place   of the fit in its trial, in words
        n_rows  that it was to learn from
        """
        if lost in {NEEDS_ROOM, OUT_OF_MEMORY} and self.workers > 1 and not self._is_alone(order):
            self._alone.add(order.trial)  # not the fold's fault: too much stood side by side
            self.warn(f"{label} needs most of the memory: nothing else is fitted beside it.")
            return order
        key = (order.trial, order.fold)
        self._lost[key] = self._lost.get(key, 0) + 1
        if self._lost[key] >= TRIES:
            return None
        if lost != OUT_OF_MEMORY:
            if order.memory is not None:  # a library may break where it gets no memory
                self._alone.add(order.trial)
            self.warn(f"{label}: the process of {place} ended ({lost}); trying again.")
            return order
        self.warn(f"{label}: memory is at its limit; trying with half of the rows.")
        lighter = fewer_rows(order, n_rows)
        self.max_rows[order.trial] = lighter.max_rows
        return lighter

    def _is_alone(self, order: FoldFit) -> bool:
        return order.trial in self._alone
