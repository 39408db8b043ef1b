"""How hard to try: limits and preferences, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from athanor.engine.presets import PRESETS
from athanor.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Limits of one training.

    time_limit_s    seconds from start to result, everything included; None: no clock, `max_trials` ends it
    max_trials      complete trials to fit; None: as many as the schedule has
    memory_limit    bytes that all processes of the run may use together; None: 80 % of what is free at the start
    cores           pool processes, one thread each; None: every core this process may use
    """

    time_limit_s: float | None = 3600.0
    max_trials: int | None = None
    memory_limit: int | None = None
    cores: int | None = None
    seed: int = 0
    preset: str = "best_quality"
    excluded_families: tuple[str, ...] = ()  # names in FAMILIES
    ensemble: bool = True

    def continued(self, *, time_limit_s: float | None = None, more_trials: int | None = None) -> Plan:
        """The plan of a run that goes on: with a time limit of its own, with more trials than it had, or both.

        Everything that folds depend on stays. Raises InvalidInput where neither is given, or no trials can be added.
        """
        if time_limit_s is None and more_trials is None:
            raise InvalidInput("A run goes on with more time or more trials. Give one of them.", field="time_limit_s")
        if isinstance(time_limit_s, bool) or not isinstance(time_limit_s, int | float | None):
            raise InvalidInput(f"`time_limit_s` must be a number, got {time_limit_s!r}.", field="time_limit_s")
        if isinstance(more_trials, bool) or not isinstance(more_trials, int | None):
            raise InvalidInput(f"`more_trials` must be a whole number, got {more_trials!r}.", field="more_trials")
        if more_trials is not None and more_trials < 1:
            raise InvalidInput(f"`more_trials` must be at least 1, got {more_trials}.", field="more_trials")
        if more_trials is not None and self.max_trials is None:
            raise InvalidInput(
                "The run tries all trials of its schedule; there are no more to add. Give it more time.",
                field="more_trials",
            )
        total = self.max_trials if more_trials is None else (self.max_trials or 0) + more_trials
        return replace(self, time_limit_s=time_limit_s, max_trials=total)

    def __post_init__(self) -> None:
        if self.time_limit_s is None and self.max_trials is None:
            raise InvalidInput("A plan needs a time limit or a number of trials.", field="time_limit_s")
        if self.time_limit_s is not None and not 0 < self.time_limit_s < math.inf:
            raise InvalidInput(
                f"The time limit must be above 0 seconds and have an end, got {self.time_limit_s}.",
                field="time_limit_s",
            )
        if self.max_trials is not None and self.max_trials < 1:
            raise InvalidInput(f"`max_trials` must be at least 1, got {self.max_trials}.", field="max_trials")
        if self.cores is not None and self.cores < 1:
            raise InvalidInput(f"`cores` must be at least 1, got {self.cores}.", field="cores")
        if self.memory_limit is not None and self.memory_limit < 64 * 2**20:
            raise InvalidInput("The memory limit must be at least 64 MB.", field="memory_limit")
        if self.seed < 0:
            raise InvalidInput(f"`seed` must be 0 or a positive whole number, got {self.seed}.", field="seed")
        if self.preset not in PRESETS:
            raise InvalidInput(f"No preset {self.preset!r}. Known: {', '.join(PRESETS)}.", field="preset")
