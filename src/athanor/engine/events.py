"""What a run tells while it works. Whoever listens decides what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The task as resolved, before the first fit."""

    problem: str
    metric: str
    n_rows: int
    n_features: int
    n_folds: int
    time_limit_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesMade:
    """The features that models see, counted once they are known."""

    n_features: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldFinished:
    """One fold of one trial was fitted, or found finished in the checkpoints (`restored`).

    curve      the learning curve: (trees or steps so far, loss on the rows to stop by), at most 200 points
    truncated  the fit ended because its time was up
    """

    trial: str
    family: str
    label: str  # the trial's name as people read it: "LightGBM-2"
    fold: int
    n_folds: int
    score: float  # of the user's metric, on the fold's validation rows
    fit_s: float
    restored: bool = False
    curve: tuple[tuple[int, float], ...] = ()
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    """All folds of a trial are there."""

    trial: str
    family: str
    label: str
    score: float
    fit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFailed:
    """A trial was given up; the run goes on without it."""

    trial: str
    family: str
    label: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncumbentChanged:
    """A usable model is on disk: the first one, or a better one."""

    score: float
    members: int
    folds: int  # that all members have
    n_folds: int
    elapsed_s: float
    gain: float | None = None  # by how much it is better than the one before it, on rows common to both; None: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardChanged:
    """The whole leaderboard, best first, partial trials below."""

    rows: tuple[LeaderboardRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaderboardRow:
    """One line of the leaderboard.

    score        out-of-fold; of what is served, for answers as they are served, calibrated. None where nothing is
                 validated yet
    score_error  its standard error; None where it is not known, as of a trial that does not have all its folds
    """

    rank: int | None  # None: partial
    name: str
    family: str  # "ensemble" for the ensemble
    score: float | None
    fit_s: float
    predict_s: float
    folds: int
    n_folds: int
    trial: str
    score_error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far the run is, 0 to 1, by the clock or by fits, whichever ends it; and the memory of all its processes."""

    fraction: float
    elapsed_s: float
    left_s: float | None
    doing: str
    memory_bytes: int = 0  # 0: not watched
    memory_limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What more time would buy, as far as the run so far tells.

    trials       that the schedule has, without those that were given up
    trials_left  of them unfinished: folds are missing, or were cut short by the clock
    folds_left   of these trials, missing or cut short
    needed_s     seconds that they would about take, from the seconds that folds took; None where none was fitted
    gained       by how much the score became better in the last `gained_s` seconds, always the last half of the time so
                 far; None where that is not known
    message      all this in words
    """

    trials: int
    trials_left: int
    folds_left: int
    needed_s: float | None
    gained: float | None
    gained_s: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the user would want to know; the run goes on."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The result is on disk."""

    # Why it ended: "time limit", "no time for another fold", "schedule complete", "nothing more to gain",
    # "finish requested".
    reason: str
    metric: str
    score: float
    elapsed_s: float


Event = (
    Started
    | FeaturesMade
    | FoldFinished
    | TrialFinished
    | TrialFailed
    | IncumbentChanged
    | LeaderboardChanged
    | Progressed
    | Outlook
    | Warned
    | Finished
)
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Listens to nothing."""
