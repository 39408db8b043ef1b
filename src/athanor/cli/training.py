"""A training in this process, from its file to the model at its place: what `train` and `continue` have in common."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from athanor.cli.asked import Asked, note_spent
from athanor.cli.display import Display, display_for_terminal
from athanor.cli.endings import Endings
from athanor.cli.placing import put_in_place, replace_model
from athanor.cli.tables import spell_folds
from athanor.cli.training_file import read_file
from athanor.cli.work_folder import folds_of, kept_folds, new_folds, remove_left_behind, work_folder
from athanor.engine.disk import size_of
from athanor.errors import AthanorError, Conflict, Impossible, InvalidInput
from athanor.quantities import parse_duration, spell_duration, spell_score, spell_size

if TYPE_CHECKING:
    from athanor.engine.events import Event, LeaderboardRow
    from athanor.engine.learn import Result
    from athanor.engine.plan import Plan
    from athanor.engine.processes.pool import LocalPool
    from athanor.engine.scores import Scores

ALSO = ("accuracy", "f1_macro", "roc_auc", "log_loss", "rmse", "mae", "r2")  # shown beside the run's own metric
KEEP_BACK_S = 0.25  # of the limit, for writing the model and ending this process
LONGEST_S = 10 * 365 * 86_400
NOTED_S = 1.0  # how often the seconds that are spent are kept
MORE_TIME, MORE_TRIALS = "5m", 2  # in the command that is shown


@dataclass(slots=True, kw_only=True)
class Training:
    """One training, or its continuation. `run` is called once.

    file      the table, as it was named
    model     folder for the model
    started   point of the monotonic clock from which `limit_s` counts; None: the trials end it
    spent_s   of the same limit, by earlier processes
    goes_on   from the folds that are kept beside the model
    keeps     the folds stay, so that it can go on
    """

    asked: Asked
    file: Path
    model: Path
    started: float
    limit_s: float | None
    spent_s: float = 0.0
    goes_on: bool = False
    keeps: bool = True
    notes: tuple[str, ...] = ()  # said before the work begins
    _has_folds: bool = field(default=False, init=False)
    _is_discarded: bool = field(default=False, init=False)
    _noted: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Train, put the model at its place, and print what it is worth."""
        had_model = self.model.exists() and self.goes_on
        without = "a new model" if had_model else "a model"
        endings = Endings(f"ended without {without}", without=without)
        with ExitStack() as held:
            work = held.enter_context(self._place())  # gone or tidy last, when no process writes into it any more
            pool = held.enter_context(self._pool())  # it forks, and what comes next starts threads
            display = held.enter_context(display_for_terminal(lambda: time.monotonic() - self.started))

            def discard() -> None:
                self._is_discarded = True
                held.close()

            with self._telling_what_stays(display, endings):
                with endings.listening(discard):
                    result = self._learn(work, pool, display, endings)
                before = _served_before(self.model) if had_model else None
                (replace_model if self.goes_on else put_in_place)(result, self.model, work)
                left, beyond = result.trials_left, result.trials_beyond
                ended = replace(self.asked, ended=result.reason, trials_left=left, trials_beyond=beyond)
                if self.keeps:
                    ended.write(work)
        why = f"{result.reason} by {endings.finished_by}" if endings.finished_by else result.reason
        elapsed_s = time.monotonic() - self.started
        print_result(
            result,
            self.model,
            self.file,
            why=why,
            elapsed_s=elapsed_s,
            peak_memory=pool.peak_memory,
            before=before,
            keeps=self.keeps,
            more=more_of(ended, self.model),
        )

    def _place(self) -> AbstractContextManager[Path]:
        if not self.keeps:
            return work_folder(self.model)
        if self.goes_on:
            return kept_folds(self.model)
        return new_folds(self.model, stay=lambda: self._has_folds and not self._is_discarded)

    @contextmanager
    def _telling_what_stays(self, display: Display, endings: Endings) -> Iterator[None]:
        try:
            yield
        except (AthanorError, OSError) as error:
            if isinstance(error, Impossible) and endings.finished_by is not None:
                display.say(str(error))
                raise typer.Exit(endings.finished_status) from error
            if self.keeps and self._has_folds and folds_of(self.model).exists():
                how = command("continue", self.model)
                display.say(f"The folds that are finished stay in {folds_of(self.model)}. To go on with them: {how}")
            raise

    @contextmanager
    def _pool(self) -> Iterator[LocalPool]:
        from athanor.engine.processes.pool import LocalPool

        asked = self.asked
        pool = LocalPool(asked.plan.cores, memory_limit=memory_of(asked.plan) if self.goes_on else asked.rows_for)
        try:
            yield pool
        finally:
            pool.close()

    def _learn(self, work: Path, pool: LocalPool, display: Display, endings: Endings) -> Result:
        from athanor.engine.budget import Budget
        from athanor.engine.events import FoldFinished, Started
        from athanor.engine.fitting.checkpoint import FolderCheckpoints
        from athanor.engine.learn import learn

        for left in remove_left_behind(self.model):
            display.say(f"Removed {left}: a training that was killed left it behind.")
        for note in self.notes:
            display.say(note)
        if self.keeps and not self.goes_on:
            self.asked.write(work)

        def tell(event: Event) -> None:
            if self.keeps:
                if isinstance(event, Started):  # the file is the one that the folds are of
                    self.asked.write(work)
                self._note_spent(work)
            self._has_folds = self._has_folds or isinstance(event, FoldFinished)
            display.tell(event)

        asked = self.asked
        budget = Budget.of(None if self.limit_s is None else self.limit_s - KEEP_BACK_S, started=self.started)
        task, dataset = read_file(
            self.file,
            asked.options,
            asked.question,
            memory_limit=pool.memory_limit,
            rows_for=asked.rows_for,
            seed=asked.plan.seed,
            folder=work,
            say=display.say,
            until=budget.deadline,
        )
        endings.finish_with(budget, display)
        checkpoints = FolderCheckpoints(work)
        try:
            return learn(
                dataset,
                task,
                asked.plan,
                budget=budget,
                pool=pool,
                checkpoints=checkpoints,
                continues=asked.continues and bool(checkpoints.finished()),  # it may have been killed before the first
                tell=tell,
            )
        except Conflict as error:
            raise Conflict(
                f"{self.file} was changed since {self.model} was trained on it: its folds are of other rows. Put the "
                "file back as it was, or train anew with another --out."
            ) from error

    def _note_spent(self, work: Path) -> None:
        now = time.monotonic()
        if now - self._noted >= NOTED_S:
            self._noted = now
            with suppress(OSError):  # where the disk is full, the folds that come next will say so
                note_spent(work, self.spent_s + now - self.started)


def limit_of(text: str) -> float:
    """Seconds of a `--time`. Raises InvalidInput."""
    limit_s = parse_duration(text)
    if limit_s > LONGEST_S:
        raise InvalidInput(
            f"--time {text} is more than ten years. Give less; the best so far comes early.", field="time"
        )
    return limit_s


def memory_of(plan: Plan) -> int:
    """Bytes that the processes of a training may use together."""
    from athanor.engine import memory

    return plan.memory_limit or int(0.8 * memory.available())


def print_result(
    result: Result,
    model: Path,
    file: Path,
    *,
    why: str,
    elapsed_s: float,
    peak_memory: int,
    before: LeaderboardRow | None = None,
    keeps: bool = False,
    more: str | None = None,
) -> None:
    """What the model at its place is worth, and what can be done next.

    before  how the model that was there before stands on its leaderboard
    keeps   its folds stand beside it
    more    the command that goes on from them; None: it would change nothing
    """
    from athanor.engine.scores import read_scores
    from athanor.engine.serving.model_files import read_head

    head = read_head(model)  # not the model itself: loading that would import the learners, which takes seconds
    members = "1 member" if len(head["members"]) == 1 else f"{len(head['members'])} members"
    score = f"{result.metric} {spell_score(result.score)}"
    served = result.leaderboard[0]
    told = "." if served.folds == served.n_folds else f", {spell_folds(served)}: the model is partial."
    print(f"{head['task']['problem']}: {score}, measured on rows that the models did not see{told}")
    others = _others(result, read_scores(model))
    if others:
        print(others)
    if before is not None:
        partly = "" if before.folds == before.n_folds else f", {spell_folds(before)}: on fewer rows"
        print(f"Before: {result.metric} {spell_score(before.score)}{partly}.")
    print(f"Ended after {spell_duration(elapsed_s)} ({why}); at most {spell_size(peak_memory)} of memory.")
    print(f"Model: {model} ({spell_size(size_of(model))}, {members})")
    if keeps:
        folds = folds_of(model)
        advice = "more time would buy nothing: remove them"
        if more is not None:
            advice = "to go on from; remove them when the model is good enough"
        print(f"Folds: {folds} ({spell_size(size_of(folds))}), {advice}")
        if more is not None:
            print(f"More: {more}")
    print(f"Trials: {command('leaderboard', model)}")
    print(f"Next: {command('predict', model, file, '--out', 'predictions.csv')}")


def _others(result: Result, measured: Scores | None) -> str:
    """What else the model scores; on validation rows the run's own metric too, which is another number there."""
    from athanor.engine.scores import MeasuredOn

    where, names = "Also", [name for name in ALSO if name != result.metric]
    if measured is not None and measured.measured_on is MeasuredOn.VALIDATION:
        where, names = f"On {measured.n_rows:,} validation rows", [result.metric, *names]
    told = [f"{name} {spell_score(result.scores[name])}" for name in names if name in result.scores]
    return f"{where}: {', '.join(told)}." if told else ""


def command(*words: object) -> str:
    """As a shell takes it. A name that begins with a dash would be taken for an option."""
    return shlex.join(
        ["athanor", *(f"./{word}" if isinstance(word, Path) and str(word)[0] == "-" else str(word) for word in words)]
    )


def more_of(asked: Asked, model: Path) -> str | None:
    """The command for a better model than this training gave; None where nothing is left to fit."""
    beyond = MORE_TRIALS if asked.trials_beyond is None else asked.trials_beyond
    if asked.plan.max_trials is not None and beyond and not asked.trials_left:  # else these need time first
        return command("continue", model, "--more-trials", min(beyond, MORE_TRIALS))
    return None if asked.trials_left == 0 else command("continue", model, "--time", MORE_TIME)


def _served_before(model: Path) -> LeaderboardRow | None:
    """How the model that stands there is told of; None where that cannot be read, which costs the new one nothing."""
    from athanor.engine.leaderboard import read_leaderboard

    with suppress(AthanorError, OSError):
        return next(iter(read_leaderboard(model)), None)
    return None
