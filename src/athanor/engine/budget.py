"""The running clock made from a plan's limits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Budget:
    """Time that is left. `deadline` is a point of `clock`, infinite where only trials count.

    The clock is monotonic and common to all processes of a machine, so that a deadline can be handed to a child.
    """

    deadline: float = math.inf
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    finishing: bool = False

    @classmethod
    def of(cls, seconds: float | None, *, started: float | None = None) -> Budget:
        """A budget of `seconds` that began at `started` (a point of the monotonic clock; default now)."""
        begun = time.monotonic() if started is None else started
        return cls(math.inf if seconds is None else begun + seconds)

    @property
    def is_timed(self) -> bool:
        return math.isfinite(self.deadline)

    def left_s(self) -> float:
        return 0.0 if self.finishing else self.deadline - self.clock()

    def spent(self) -> bool:
        return self.left_s() <= 0.0

    @contextmanager
    def kept_back(self, seconds: float) -> Iterator[None]:
        """Inside the block the time ends earlier: what comes after it needs some, too."""
        deadline, self.deadline = self.deadline, self.deadline - seconds
        try:
            yield
        finally:
            self.deadline = deadline

    def finish(self) -> None:
        """Finish now, with the best so far."""
        self.finishing = True
