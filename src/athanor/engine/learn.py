"""The recipe: a table and a task become the best model that the plan allows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

from athanor.engine.budget import Budget
from athanor.engine.events import Event, Finished, LeaderboardRow, Listener, Outlook, Started, Warned, ignore
from athanor.engine.fitting.checkpoint import CheckpointStore, FolderCheckpoints
from athanor.engine.fitting.training_set import TrainingSet, folds_of, make_training_set
from athanor.engine.importance import worth
from athanor.engine.leaderboard import write_leaderboard
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import LocalPool, Pool
from athanor.engine.race.rounds import Race
from athanor.engine.race.search import starters
from athanor.engine.race.validation import kept_back_s, make_validation_set, validate
from athanor.engine.scores import read_scores, write_scores
from athanor.engine.serving.model_files import copy_model, link_files, read_head
from athanor.engine.serving.predictor import Predictor
from athanor.engine.tables.dataset import Dataset
from athanor.engine.task import Task
from athanor.errors import NotFound, Unavailable


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run: a model in `folder`, and how good it is out-of-fold.

    reason         why the run ended
    scores         metric → score, for every metric that is defined: on the validation rows where some were given and
                   there was time, else out-of-fold
    trials_left    that more time would finish
    trials_beyond  that the schedule has beyond the plan's `max_trials`; both are 0 where no model can be better
    """

    leaderboard: tuple[LeaderboardRow, ...]
    folder: Path
    metric: str
    score: float
    reason: str
    scores: Mapping[str, float]
    trials_left: int = 0
    trials_beyond: int = 0
    _origin: _Origin | None = field(default=None, repr=False)

    @cached_property
    def predictor(self) -> Predictor:
        """The model, loaded when first asked for: that imports the learners, which a run leaves to its pool."""
        return Predictor.load(self.folder, keep=None if self._origin is None else self._origin.checkpoints)

    def save(self, folder: Path) -> None:
        """Write the model and the leaderboard into `folder`, which must be new or empty."""
        copy_model(self.folder, folder)

    def continue_(
        self,
        *,
        time_limit_s: float | None = None,
        more_trials: int | None = None,
        budget: Budget | None = None,
        tell: Listener = ignore,
    ) -> Result:
        """What comes of this run with more seconds, more trials, or both. No fold is fitted twice.

        The model is replaced only by one that is better on rows that both did not see. This result stays as it is, with
        all that stands in its folder: it can be used, saved and continued beside the new one. A pool that was handed to
        `learn` is used again. `budget` is the running clock of the new limit, where it is not to start now.

        Raises InvalidInput where neither is given, NotFound where the folds of the run are gone.
        """
        origin = self._origin
        if origin is None:
            raise NotFound("This result does not say what it was learned from. Only what `learn` gave can go on.")
        plan = origin.plan.continued(time_limit_s=time_limit_s, more_trials=more_trials)
        origin.checkpoints.hold(self.folder)
        return learn(
            origin.dataset,
            origin.task,
            plan,
            validation=origin.validation,
            budget=budget,
            pool=origin.pool,
            checkpoints=origin.checkpoints,
            continues=True,
            tell=tell,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What a result was made from: all that going on takes. Folds in a temporary folder live as long as it does."""

    dataset: Dataset
    task: Task
    plan: Plan
    validation: Dataset | None
    pool: Pool | None  # that was handed in
    checkpoints: CheckpointStore


def learn(
    dataset: Dataset,
    task: Task,
    plan: Plan,
    *,
    validation: Dataset | None = None,
    budget: Budget | None = None,
    pool: Pool | None = None,
    checkpoints: CheckpointStore | None = None,
    continues: bool = False,
    tell: Listener = ignore,
) -> Result:
    """Find the best ensemble for `task` that `plan` allows.

    validation   rows on which the model is scored at the end; nothing is learned from them. None: out-of-fold
    budget       the running clock; by default it starts now, with the plan's time limit
    pool         where folds are fitted; by default processes of this machine, one per core, ended afterwards
    checkpoints  where finished folds are kept: a run that was cut off goes on from there; by default a temporary folder
    continues    the checkpoints are of a run that had ended: it goes on, with the limits of `plan` from now on. What
                 folds depend on must be the same: data, task, preset and seed
    tell         hears what happens, in the calling thread

    Raises InvalidInput where the task does not fit the table, Impossible where nothing can be learned, Conflict where
    the checkpoints are of other data or another task, NotFound where there are none to go on from.
    """
    started = time.monotonic()
    clock = budget or Budget.of(plan.time_limit_s, started=started)
    store = checkpoints or _TemporaryCheckpoints()
    if continues and not store.finished():
        raise NotFound("The folds of this run are gone: there is nothing to go on from. Train anew.")
    before = store.fingerprint()
    n_folds = None if before is None else folds_of(before)
    with _pool_or_own(pool, plan) as workers:
        given = make_training_set(dataset, task, plan, workers=workers.size, n_folds=n_folds)
        held_out = None if validation is None else make_validation_set(validation, given)
        store.claim(given.fingerprint())
        workers.open(given, store)
        _tell_the_start(given, plan, tell)
        beyond = _beyond(given, plan)
        if continues and beyond < 0:
            tell(Warned(message=_too_few(plan, beyond)))
        served = store.incumbent() if continues else None
        ahead = _Ahead(tell)
        race = Race(given, plan, clock=clock, pool=workers, checkpoints=store, tell=ahead, continues=continues)
        worth_s = worth.kept_back_s(clock)
        with clock.kept_back(worth_s + (0.0 if held_out is None else kept_back_s(clock))):
            reason = race.run()
        folder = store.incumbent()
        if folder is None:
            raise Unavailable("The model that was saved is gone; did someone clean the folder of the run?")
        if folder == served:  # whoever has the earlier result reads its leaderboard and scores there
            folder = _copied(folder, store)
        write_leaderboard(folder, race.leaderboard())  # trials came to an end since the model was saved
        if held_out is not None:
            validated = validate(folder, held_out, clock=clock, seed=plan.seed, tell=tell)
            if validated is not None:
                write_scores(folder, validated)
        if worth_s:
            _measure_worth(workers, folder, clock, plan, tell)
    scores = read_scores(folder)
    found = read_head(folder)["score"]
    score = float("nan") if found is None else float(found)
    elapsed_s = time.monotonic() - started
    is_perfect = score == given.metric.perfect
    tell(Finished(reason=reason, metric=given.metric.name, score=score, elapsed_s=elapsed_s))
    return Result(
        leaderboard=race.leaderboard(),
        folder=folder,
        metric=given.metric.name,
        score=score,
        reason=reason,
        scores={} if scores is None else scores.by_metric,
        trials_left=0 if is_perfect else ahead.trials_left,
        trials_beyond=0 if is_perfect else max(beyond, 0),
        _origin=_Origin(dataset=dataset, task=task, plan=plan, validation=validation, pool=pool, checkpoints=store),
    )


def _tell_the_start(given: TrainingSet, plan: Plan, tell: Listener) -> None:
    n_features = len(given.features.schema.columns)
    tell(
        Started(
            problem=given.problem.name,
            metric=given.metric.name,
            n_rows=given.features.n_rows,
            n_features=n_features,
            n_folds=given.n_folds,
            time_limit_s=plan.time_limit_s,
        )
    )
    if given.n_dropped:
        tell(Warned(message=f"{given.n_dropped:,} rows have no value in {given.task.target!r} and were left out."))


def _measure_worth(workers: Pool, folder: Path, clock: Budget, plan: Plan, tell: Listener) -> None:
    with worth.its_time(clock) as is_enough:
        why_not = workers.measure(folder, seed=plan.seed, clock=clock) if is_enough else None
    if why_not is not None:
        tell(Warned(message=f"What each column is worth was not measured: {why_not}. The model is whole."))


def _beyond(given: TrainingSet, plan: Plan) -> int:
    """How many trials the schedule has beyond `max_trials`; below 0: so many fewer."""
    if plan.max_trials is None:
        return 0
    endless = replace(plan, max_trials=sys.maxsize)
    return len(starters(given, endless)) - plan.max_trials


def _too_few(plan: Plan, beyond: int) -> str:
    in_all = (plan.max_trials or 0) + beyond
    return (
        f"The schedule of {plan.preset} has {in_all} trial{'' if in_all == 1 else 's'} for this table, not "
        f"{plan.max_trials}: there are no more to add."
    )


class _Ahead:
    """Hears what more time would buy, and passes everything on."""

    def __init__(self, tell: Listener) -> None:
        self._tell = tell
        self.trials_left = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Outlook):
            self.trials_left = event.trials_left
        self._tell(event)


def _copied(incumbent: Path, store: CheckpointStore) -> Path:
    """The same model as an incumbent of its own: links, so that what is put beside one is not beside the other."""
    with store.new_incumbent() as folder:
        link_files(incumbent, folder)
    return folder


@contextmanager
def _pool_or_own(pool: Pool | None, plan: Plan) -> Iterator[Pool]:
    if pool is not None:
        yield pool
        return
    own = LocalPool(plan.cores, memory_limit=plan.memory_limit)
    try:
        yield own
    finally:
        own.close()


class _TemporaryCheckpoints(FolderCheckpoints):
    """Checkpoints that are gone when nobody holds them any more: nothing of them is flushed to the disk."""

    def __init__(self) -> None:
        self._keep = TemporaryDirectory(prefix="athanor-")
        super().__init__(Path(self._keep.name))

    def _flush_tree(self, folder: Path) -> None:
        """Nobody goes on from here after a power cut."""

    def _flush(self, folder: Path) -> None:
        """Nor looks for a name."""
