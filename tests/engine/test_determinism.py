"""Under a trial budget a run ends with the same bits: on any pool, in any order, at any speed, wherever it was cut off."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athanor.engine.budget import Budget
from athanor.engine.disk import sha256_of
from athanor.engine.events import FoldFinished
from athanor.engine.fitting.checkpoint import FolderCheckpoints, FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.learn import learn
from athanor.engine.plan import PRESETS, Plan
from athanor.engine.predictions import Truth
from athanor.engine.processes.pool import InlinePool, LocalPool, Outcome
from athanor.engine.race import rounds as racing
from athanor.engine.race import standings
from athanor.engine.race.rounds import Race
from athanor.engine.race.search import allowance_s, survivors
from athanor.engine.schedule import Entry, entries
from athanor.engine.serving.predictor import Predictor
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from support.bits import bits_of_answers, bits_of_run
from support.mixed import mixed_table

PLAN = Plan(time_limit_s=None, max_trials=3, preset="medium_quality", seed=3)  # 3 trials of 3 folds
TASK = Task(target="target")
PROBLEMS = ("binary", "multiclass", "regression")
N_ROWS = 120


class CutOff(BaseException):
    """The process is lost."""


class ShuffledPool(InlinePool):
    """Fits some folds at a time, as far as anybody can tell, and gives them back in a random order."""

    def __init__(self, seed: int, size: int) -> None:
        super().__init__()
        self._rng, self.size, self._under_way = random.Random(seed), size, []

    def submit(self, order):
        assert len(self._under_way) < self.size
        self._under_way.append(order)

    def wait(self, timeout_s):
        if self._rng.random() < 0.3:
            return []  # nothing has ended yet
        n_ended = self._rng.randint(1, len(self._under_way))
        ended = [self._under_way.pop(self._rng.randrange(len(self._under_way))) for _ in range(n_ended)]
        return [outcome for order in ended for outcome in self.outcomes(order, timeout_s)]

    def outcomes(self, order, timeout_s):
        super().submit(order)
        return super().wait(timeout_s)


def jumping(seed):
    """A clock that goes forth and back by hours."""
    rng = random.Random(seed)
    return lambda: rng.uniform(-1e5, 1e5)


# --- real fits ------------------------------------------------------------------------------------------------------


def bits(folder, problem):
    """What a run kept, and what its model answers."""
    answers = Predictor.load(folder / "incumbent").predict(mixed_table(60, problem=problem, seed=99))
    return bits_of_run(folder) | {"answers": bits_of_answers(answers)}


def run(folder, problem, pool, **more):
    """The bits of a run, and its leaderboard without seconds."""
    result = learn(
        mixed_table(N_ROWS, problem=problem), TASK, PLAN, pool=pool, checkpoints=FolderCheckpoints(folder), **more
    )
    rows = [{**asdict(row), "fit_s": None, "predict_s": None} for row in result.leaderboard]
    return bits(folder, problem), rows, result.score, result.scores


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What the run of a problem comes to where nothing is special about it."""
    found = {}

    def of(problem):
        if problem not in found:
            found[problem] = run(tmp_path_factory.mktemp("plain"), problem, InlinePool())
        return found[problem]

    return of


@pytest.fixture(scope="module", params=[1, 2])
def processes(request):
    pool = LocalPool(request.param, memory_limit=2**50)
    yield pool
    pool.close()


@pytest.mark.parametrize("problem", PROBLEMS)
def test_one_process_or_two_give_the_bits_of_this_one(problem, processes, plain, tmp_path):
    assert run(tmp_path, problem, processes) == plain(problem)


@pytest.mark.parametrize(
    ("problem", "size"), [("binary", 2), ("binary", 3), ("binary", 9), ("multiclass", 2), ("regression", 9)]
)
def test_the_order_in_which_fits_end_changes_nothing(problem, size, plain, tmp_path):
    """Not every size with every problem: a pool does not know what is fitted in it."""
    assert run(tmp_path, problem, ShuffledPool(size, size)) == plain(problem)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_clock_that_jumps_changes_nothing(problem, plain, tmp_path):
    assert run(tmp_path, problem, InlinePool(), budget=Budget(math.inf, jumping(1))) == plain(problem)


def cut_after(n_folds):
    """A listener that loses the process when as many folds are there."""
    heard = []

    def cut(event):
        heard.append(event)
        if sum(isinstance(event, FoldFinished) for event in heard) == n_folds:
            raise CutOff

    return cut


@pytest.mark.parametrize(
    ("problem", "n_folds"),
    [("binary", 1), ("binary", 2), ("binary", 5), ("binary", 9), ("multiclass", 4), ("regression", 8)],
)
def test_a_run_that_is_cut_off_after_some_folds_goes_on_to_the_same_bits(problem, n_folds, plain, tmp_path):
    with pytest.raises(CutOff):
        run(tmp_path, problem, ShuffledPool(n_folds, 2), tell=cut_after(n_folds))
    assert run(tmp_path, problem, ShuffledPool(-n_folds, 3)) == plain(problem)


def test_a_run_that_is_cut_off_after_each_of_its_folds_goes_on_to_the_same_bits(plain, tmp_path):
    for n_folds in range(1, 10):
        with pytest.raises(CutOff):
            run(tmp_path, "binary", ShuffledPool(n_folds, 2), tell=cut_after(n_folds))
    assert run(tmp_path, "binary", ShuffledPool(-1, 3)) == plain("binary")


# --- the surroundings -------------------------------------------------------------------------------------------------

SURROUNDING = ("PYTHONHASHSEED", "LC_ALL", "TZ", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# (workers, environment): in nothing that is named here are the two alike.
SURROUNDINGS = [
    (0, dict(zip(SURROUNDING, ("0", "C.UTF-8", "UTC", "4", "4", "4"), strict=True))),
    (2, dict(zip(SURROUNDING, ("12345", "C", "Pacific/Chatham", "1", "1", "1"), strict=True))),
]


def in_a_process(folder, problem, workers, environment):
    path = os.pathsep.join(name for name in sys.path if name)
    told = subprocess.run(
        [
            sys.executable,
            "-m",
            "support.a_run",
            str(folder),
            "--problem",
            problem,
            "--workers",
            str(workers),
            "--rows",
            "120",
        ],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return bits(Path(folder), problem)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_hash_seed_threads_and_language_change_nothing(problem, tmp_path):
    first, second = (
        in_a_process(tmp_path / str(workers), problem, workers, environment) for workers, environment in SURROUNDINGS
    )
    assert first == second


# --- made-up fits, at any point of a race -----------------------------------------------------------------------------

N_FOLDS = 4
Y = np.arange(24.0)
FOLDS = np.arange(24, dtype=np.int16) % N_FOLDS
IMPOSSIBLE = None  # in place of a fold's errors
ALIKE = {error: [error] * 6 for error in range(-6, 7)}
# Races in which it matters what is compared with what: a model of an early round that was not the best of its time is
# better than the last one; a model stays the best one for some rounds, and its score changes with each.
ODD_RACES = [
    {
        "a": [[-4, 2, 3, 4, -3, -1], [-1, -1, -6, -1, 0, -4], [-6, 6, -3, 4, 6, -2], [2, -2, 2, -1, -3, 4]],
        "b": [[-4, -2, 1, -3, 3, -3], [0, 0, 0, 0, 0, 0], [-6, -2, -3, -6, -4, 0], [-4, 6, -1, 0, -4, -1]],
        "c": [[3, 6, -1, 3, -4, -6], [1, 3, -1, 4, 4, -1], [4, -3, 4, 1, -3, 1], ALIKE[5]],
        "d": [[1, -1, -6, -2, 4, -4], ALIKE[-2], [2, 0, 4, 6, -4, 4], [-1, 4, 1, -2, -6, -4]],
    },
    {
        "a": [[3, 1, -2, -3, 6, -2], ALIKE[-4], [-2, 4, -1, -2, -3, 3], ALIKE[0]],
        "b": [ALIKE[-2], [-3, -2, 4, 1, 3, -2], ALIKE[-2], ALIKE[1]],
    },
    {
        "a": [ALIKE[5], [-2, -2, -1, 0, 0, -3], ALIKE[2], [-1, -1, -1, -2, -2, 3]],
        "b": [ALIKE[-2], [-2, -6, -4, -6, 2, 1], [4, 1, 1, 3, 1, -4], IMPOSSIBLE],
    },
]


def numbers_alone():
    schema = Schema((ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    return TrainingSet(
        task=Task(target="y", problem="regression", metric="mae", features=("x",)),
        features=Dataset(schema, {"x": Numbers(Y)}, len(Y)),
        truth=Truth(y=Y),
        folds=FOLDS,
    )


class ScriptedPool(ShuffledPool):
    """Fits whose errors on the fold's rows are known beforehand. Whoever is cut off is cut off at a step of his."""

    def __init__(self, store, script, *, seed, size, cut_at=None):
        super().__init__(seed, size)
        self.store, self.script, self.cut_at, self.steps = store, script, cut_at, 0

    def step(self, _event=None):
        """Something happens: a fold is kept, or the race tells something."""
        self.steps += 1
        if self.steps == self.cut_at:
            raise CutOff

    def outcomes(self, order, timeout_s):
        del timeout_s
        self.step()
        errors = self.script[order.trial][order.fold]
        if errors is IMPOSSIBLE:
            return [Outcome(order=order, failed="impossible")]
        written = self.store.new_folder()
        (written / "model.txt").write_text(f"{order.trial} {order.fold}")
        record = FoldRecord(
            trial=order.trial, family="linear", view="codes", fold=order.fold, score=float(np.abs(errors).mean()),
            fit_s=self._rng.random(), predict_s=0.1, n_features=1, truncated=False, files=sha256_of(written),
        )  # fmt: skip
        self.store.keep_fold(written, record, (Y[order.fold == FOLDS] + errors).astype(np.float32)[:, None])
        self.step()
        return [Outcome(order=order, record=record)]


@pytest.fixture(scope="module")
def race(remembered_weights):
    def played(folder, script, *, ensemble, seed=0, size=1, cut_at=None, continues=False):
        """The bits of a race over the script's trials, its leaderboard, and how many steps it had."""
        store, given_ = FolderCheckpoints(folder), numbers_alone()
        store.claim(given_.fingerprint())
        pool = ScriptedPool(store, script, seed=seed, size=size, cut_at=cut_at)
        starters = [Entry(trial=name, family="linear", label=name.upper(), options={}) for name in script]
        plan = Plan(time_limit_s=None, max_trials=9, ensemble=ensemble)
        clock = Budget(math.inf, jumping(seed))
        with (
            mock.patch.object(racing, "starters", return_value=starters),
            mock.patch.object(racing, "whole", return_value=starters),  # no clock has cut them short
            mock.patch.object(standings, "select_weights", remembered_weights),
            mock.patch("athanor.engine.fitting.checkpoint.os.fsync"),
        ):
            playing = Race(given_, plan, clock=clock, pool=pool, checkpoints=store, tell=pool.step, continues=continues)
            playing.run()
        rows = [{**asdict(row), "fit_s": None, "predict_s": None} for row in playing.leaderboard()]
        return (bits_of_run(folder), rows), pool.steps

    return played


@pytest.mark.parametrize("script", ODD_RACES)
def test_a_race_that_is_cut_off_at_any_step_ends_the_same(script, race, tmp_path):
    expected, n_steps = race(tmp_path / "whole", script, ensemble=True)
    differing = []
    for step in range(1, n_steps + 1):
        with suppress(CutOff):
            race(tmp_path / str(step), script, ensemble=True, cut_at=step)
        if race(tmp_path / str(step), script, ensemble=True)[0] != expected:
            differing.append(step)
    assert differing == []


@pytest.mark.parametrize(("first", "start"), [("ab", 1), ("cd", 2)])
def test_a_continuation_with_more_trials_that_is_cut_off_at_any_step_ends_the_same(first, start, race, tmp_path):
    """At every other step, and the others with other trials to begin with: a step takes its time."""
    script = ODD_RACES[0]
    fewer = {name: script[name] for name in first}
    race(tmp_path / "whole", fewer, ensemble=True)
    expected, n_steps = race(tmp_path / "whole", script, ensemble=True, continues=True)
    differing = []
    for step in range(start, n_steps + 1, 2):
        folder = tmp_path / str(step)
        race(folder, fewer, ensemble=True)
        with suppress(CutOff):
            race(folder, script, ensemble=True, cut_at=step, continues=True)
        if race(folder, script, ensemble=True, continues=True)[0] != expected:
            differing.append(step)
    assert differing == []


errors = st.sampled_from(list(ALIKE.values())) | st.lists(st.integers(-6, 6), min_size=6, max_size=6)
folds = st.lists(errors, min_size=N_FOLDS, max_size=N_FOLDS)


@st.composite
def scripts(draw):
    """Two to four trials with their errors in each fold; one of them may fail at last."""
    found = draw(st.lists(folds, min_size=2, max_size=4))
    if draw(st.booleans()):
        found[-1][draw(st.integers(0, N_FOLDS - 1))] = IMPOSSIBLE
    return dict(zip("abcd", found, strict=False))


@settings(max_examples=40)
@given(script=scripts(), ensemble=st.booleans(), size=st.integers(1, 4), cuts=st.lists(st.floats(0, 1), max_size=3))
def test_wherever_a_race_is_cut_off_and_however_often_it_ends_the_same(
    *, script, ensemble, size, cuts, race, tmp_path_factory
):
    expected, n_steps = race(tmp_path_factory.mktemp("whole"), script, ensemble=ensemble)
    folder = tmp_path_factory.mktemp("cut")
    for seed, place in enumerate(cuts):
        with suppress(CutOff):
            race(folder, script, ensemble=ensemble, seed=seed, size=size, cut_at=1 + int(place * n_steps))
    assert race(folder, script, ensemble=ensemble, seed=9, size=size)[0] == expected


# --- the search -------------------------------------------------------------------------------------------------------


@given(
    seconds=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=12),
    left_s=st.none() | st.floats(-10, 1e6),
    workers=st.integers(1, 64),
    rng=st.randoms(use_true_random=False),
)
def test_who_goes_on_depends_on_what_is_given_alone(seconds, left_s, workers, rng):
    ranked = [Entry(trial=f"t{place}", family="f", label="F", options={}) for place in range(len(seconds))]
    pairs = [(entry.trial, fold_s) for entry, fold_s in zip(ranked, seconds, strict=True)]
    arrived = rng.sample(pairs, len(pairs))
    answers = [
        survivors(list(ranked), dict(order), left_s=left_s, workers=workers) for order in (pairs, arrived, pairs)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0] == [entry for entry in ranked if entry in answers[0]], "in the order of the ranks"
    assert answers[0][0] == ranked[0], "the best one goes on, whatever it costs"
    assert left_s is not None or answers[0] == ranked


@given(left_s=st.floats(0, 1e6), waiting=st.integers(1, 1000), workers=st.integers(1, 64))
def test_nobody_is_allowed_more_than_is_left_or_more_with_others_behind(left_s, waiting, workers):
    allowed_s = allowance_s(left_s, waiting=waiting, workers=workers)
    rounding = 1e-9 * left_s
    assert 0.0 <= allowed_s <= left_s + rounding
    assert allowance_s(left_s, waiting=waiting + 1, workers=workers) <= allowed_s + rounding


@pytest.mark.parametrize("problem", PROBLEMS)
@given(
    preset=st.sampled_from(sorted(PRESETS)), fewer=st.integers(1, 20), more=st.integers(0, 20), is_sparse=st.booleans()
)
def test_a_smaller_trial_budget_is_the_beginning_of_a_larger_one(problem, preset, fewer, more, is_sparse):
    """Whatever the seed is: a run that is given more trials goes on with those that it has."""
    few = entries(problem, Plan(preset=preset, max_trials=fewer, seed=more), is_sparse=is_sparse)
    many = entries(problem, Plan(preset=preset, max_trials=fewer + more), is_sparse=is_sparse)
    assert few == many[: len(few)]
    assert many == entries(problem, Plan(preset=preset, max_trials=fewer + more), is_sparse=is_sparse)
