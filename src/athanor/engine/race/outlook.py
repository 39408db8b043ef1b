"""What more time would buy: the folds that are left, the seconds they would take, and what the last seconds brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from athanor.engine.events import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A trial with folds to fit.

    folds   their numbers
    fold_s  seconds that one of its folds takes; None: none was fitted
    is_cut  only folds that were cut short tell `fold_s`: a whole one takes longer
    """

    folds: tuple[int, ...]
    fold_s: float | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A model came to disk: when, and by how much it was better than the one before (None: unknown, or the first)."""

    elapsed_s: float
    gain: float | None


def outlook(
    unfinished: Sequence[Unfinished],
    history: Sequence[Step],
    *,
    trials: int,
    elapsed_s: float,
    left_s: float | None,
    workers: int,
    metric: str,
    is_perfect: bool = False,
) -> Outlook:
    """What more time would buy.

    trials      of the schedule, finished ones and `unfinished`
    left_s      seconds until the time limit; None: there is none
    is_perfect  no model can have a better score
    """
    needed_s, is_least = needed(unfinished, workers)
    gained_s = elapsed_s / 2
    gained = gained_since(history, gained_s)
    if is_perfect:
        message = "No model can have a better score: more time would buy nothing."
    elif not trials:
        message = "Every trial was given up: more time would buy nothing."
    elif not unfinished:
        message = "The schedule is complete: more time alone would buy nothing."
    else:
        left = _of_what_is_left(len(unfinished), trials, needed_s, left_s, is_least=is_least)
        message = f"{left}{_of_gain(gained, gained_s, metric)}."
    return Outlook(
        trials=trials,
        trials_left=len(unfinished),
        folds_left=sum(len(trial.folds) for trial in unfinished),
        needed_s=needed_s,
        gained=gained,
        gained_s=gained_s,
        message=message,
    )


def needed(unfinished: Sequence[Unfinished], workers: int) -> tuple[float | None, bool]:
    """Seconds that the folds would about take, and whether it may well be more.

    Fold by fold, as rounds go: a round takes as long as its longest fit, however many workers there are. A trial of
    which no fold was fitted is taken to be like the average of the others.
    """
    known = [trial.fold_s for trial in unfinished if trial.fold_s is not None]
    if not known:
        return (None, True) if unfinished else (0.0, False)
    usual_s = sum(known) / len(known)
    rounds: dict[int, list[float]] = {}
    for trial in unfinished:
        for fold in trial.folds:
            rounds.setdefault(fold, []).append(usual_s if trial.fold_s is None else trial.fold_s)
    needed_s = sum(max(*fits, sum(fits) / max(workers, 1)) for fits in rounds.values())
    return needed_s, any(trial.is_cut or trial.fold_s is None for trial in unfinished)


def gained_since(history: Sequence[Step], since_s: float) -> float | None:
    """By how much the models became better after `since_s`; None where the first one came later than that."""
    recent = [step.gain for step in history if step.elapsed_s > since_s]
    known = [gain for gain in recent if gain is not None]
    return sum(known) if history and len(known) == len(recent) else None


def spell_seconds(seconds: float) -> str:
    """About so long: 4 s, 12 min, 3 h."""
    if seconds < 0.95:
        return "less than 1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _of_what_is_left(n_left: int, trials: int, needed_s: float | None, left_s: float | None, *, is_least: bool) -> str:
    unfinished = f"{n_left} of {trials} trial{'' if trials == 1 else 's'} {'is' if n_left == 1 else 'are'} unfinished"
    if needed_s is None:
        return f"More time: {unfinished}"
    about = f"about {spell_seconds(needed_s)}"
    if is_least:  # known from fits that the clock cut short
        about = f"{spell_seconds(max(needed_s, 1.0))} or more"
    if left_s is None or left_s >= needed_s:
        return f"{unfinished}, {about} to go"
    return f"More time: {unfinished} ({about})"


def _of_gain(gained: float | None, gained_s: float, metric: str) -> str:
    if gained is None:
        return ""
    brought = "brought nothing" if gained <= 0 else f"made {metric} better by {gained:.2g}"
    return f"; the last {spell_seconds(gained_s)} {brought}"
