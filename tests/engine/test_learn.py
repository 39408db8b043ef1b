"""The recipe: what a run gives, keeps and promises."""

from __future__ import annotations

import gc
import shutil
import time
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from athanor.engine.budget import Budget
from athanor.engine.events import (
    Finished,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    Started,
    TrialFinished,
    Warned,
)
from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.fitting.training_set import make_training_set
from athanor.engine.importance import worth
from athanor.engine.leaderboard import write_leaderboard
from athanor.engine.learn import learn
from athanor.engine.metrics import METRICS
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import InlinePool, LocalPool
from athanor.engine.scores import read_scores
from athanor.engine.serving.predictor import Predictor
from athanor.engine.tables.dataset import Words
from athanor.engine.task import Task
from athanor.errors import Conflict, Impossible, InvalidInput, NotFound

TASK = Task(target="target")
THREE = Plan(time_limit_s=None, max_trials=3, preset="medium_quality", seed=3)


@pytest.fixture(scope="module")
def learned(make_table):
    """The result of three trials on the table of a problem, learned once for all who only look at it."""
    return cache(lambda problem="binary": learn(make_table(problem=problem), TASK, THREE, pool=InlinePool()))


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_run_finds_the_problem_and_beats_the_baseline(make_table, learned, problem):
    table, result = make_table(problem=problem), learned(problem)
    given = make_training_set(table, TASK, THREE)
    assert result.predictor.problem == problem
    constant = np.tile(given.problem.baseline(given.truth), (table.n_rows, 1))
    guess = given.problem.predictions(constant, given.truth.classes)
    metric = METRICS["r2" if problem == "regression" else "log_loss"]
    answers = result.predictor.predict(table)
    assert metric.utility(given.truth, answers) > metric.utility(given.truth, guess)


def test_the_leaderboard_ranks_complete_trials_and_the_served_model_first(learned):
    board = learned().leaderboard
    trials = [row for row in board if row.trial != "ensemble"]
    assert len(trials) == 3
    assert [row.rank for row in board] == list(range(1, len(board) + 1))
    assert all(row.folds == row.n_folds for row in trials)
    scores = [row.score for row in trials]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_what_is_served_is_no_worse_out_of_fold_than_the_best_trial(make_table, learned, problem):
    another = learn(make_table(200, problem=problem, seed=9), TASK, THREE, pool=InlinePool())
    for result in (learned(problem), another):
        better = 1 if METRICS[result.metric].greater_is_better else -1
        served, *others = result.leaderboard
        assert served.score == result.score
        assert all(row.folds == row.n_folds for row in result.leaderboard)
        assert better * served.score >= max(better * row.score for row in others)


def test_without_an_ensemble_one_trial_is_served(make_table):
    plan = Plan(time_limit_s=None, max_trials=3, preset="medium_quality", ensemble=False)
    result = learn(make_table(), TASK, plan, pool=InlinePool())
    assert len(result.predictor.members) == 1
    assert all(row.trial != "ensemble" for row in result.leaderboard)


def test_the_same_seed_gives_the_same_bits_on_one_worker_and_on_two(make_table, learned):
    table = make_table()
    pool = LocalPool(2)
    try:
        together = learn(table, TASK, THREE, pool=pool)
    finally:
        pool.close()
    alone = learned()
    assert alone.score == together.score
    assert np.array_equal(alone.predictor.predict(table).probabilities, together.predictor.predict(table).probabilities)


def test_a_run_that_was_cut_off_fits_no_fold_twice_and_ends_with_the_same_bits(make_table, learned, tmp_path):
    table, whole = make_table(), learned()

    class CutOff(Exception):
        pass

    def cut(event):
        if isinstance(event, FoldFinished) and event.fold == 1:
            raise CutOff

    with pytest.raises(CutOff):
        learn(table, TASK, THREE, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path), tell=cut)
    heard = []
    resumed = learn(table, TASK, THREE, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path), tell=heard.append)
    fits = (tmp_path / "fits.log").read_text().splitlines()
    assert len(fits) == len(set(fits))
    assert len(of_folds(fits)) == 9
    assert sum(event.restored for event in heard if isinstance(event, FoldFinished)) == 4
    assert np.array_equal(whole.predictor.predict(table).probabilities, resumed.predictor.predict(table).probabilities)


def test_checkpoints_of_other_data_are_refused(make_table, tmp_path):
    one = replace(THREE, max_trials=1)
    learn(make_table(), TASK, one, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path))
    with pytest.raises(Conflict, match="other data"):
        learn(make_table(seed=8), TASK, one, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path))


def test_what_is_trained_is_what_is_served(make_table, learned, tmp_path):
    table, predictor = make_table(), learned().predictor
    predictor.save(tmp_path / "model")
    loaded = Predictor.load(tmp_path / "model")
    assert np.array_equal(predictor.predict(table).probabilities, loaded.predict(table).probabilities)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_row_gets_the_same_bits_alone_and_among_others(make_table, learned, problem):
    table, predictor = make_table(n_rows=1000, problem=problem), learned(problem).predictor

    def bits(answers):
        return answers.values if answers.probabilities is None else answers.probabilities

    whole = bits(predictor.predict(table))
    shuffled = np.random.default_rng(0).permutation(1000)
    assert np.array_equal(bits(predictor.predict(table.take(shuffled))), whole[shuffled])
    for rows in (np.array([17]), np.arange(100, 107)):
        assert np.array_equal(bits(predictor.predict(table.take(rows))), whole[rows])


def test_a_row_as_a_dictionary_gets_the_same_bits_as_in_a_table(make_table, learned):
    table, predictor = make_table(), learned().predictor
    words = table["colour"]
    row = {
        "size": float(table["size"].values[3]),
        "age": float(table["age"].values[3]),
        "colour": words.vocabulary[words.codes[3]],
        "nobody knows": 1,
    }
    assert np.array_equal(
        predictor.predict_rows([row]).probabilities, predictor.predict(table.take(np.array([3]))).probabilities
    )


def test_a_tampered_model_is_refused(learned, tmp_path):
    learned().predictor.save(tmp_path / "model")
    victim = next((tmp_path / "model" / "models").rglob("*.*"))
    victim.write_bytes(victim.read_bytes() + b" ")
    with pytest.raises(InvalidInput, match="changed after it was made"):
        Predictor.load(tmp_path / "model")


def test_a_usable_model_is_on_disk_after_the_first_fold(make_table, tmp_path):
    heard = []
    learn(make_table(), TASK, THREE, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path), tell=heard.append)
    kinds = [type(event) for event in heard]
    assert kinds[0] is Started
    assert kinds.index(IncumbentChanged) == kinds.index(FoldFinished) + 1
    assert kinds.count(TrialFinished) == 3
    assert LeaderboardChanged in kinds
    assert kinds[-1] is Finished


def test_rows_without_a_target_are_left_out_and_counted(make_table):
    table = make_table()
    words = table["target"]
    codes = words.codes.copy()
    codes[:10] = -1
    holed = type(table)(table.schema, {**table.columns, "target": Words(codes, words.vocabulary)}, table.n_rows)
    heard = []
    learn(holed, TASK, THREE, pool=InlinePool(), tell=heard.append)
    assert any("10 rows have no value in 'target'" in getattr(event, "message", "") for event in heard)


def test_finishing_early_keeps_the_best_so_far(make_table):
    budget = Budget.of(3600)
    heard = []

    def tell(event):
        heard.append(event)
        if isinstance(event, FoldFinished):
            budget.finish()

    result = learn(make_table(), TASK, Plan(), pool=InlinePool(), budget=budget, tell=tell)
    assert result.reason == "finish requested"
    assert len([event for event in heard if isinstance(event, FoldFinished)]) == 1
    assert len(result.predictor.predict(make_table())) == 300


def test_a_time_limit_ends_the_run(make_table):
    pool = LocalPool(2)
    started = time.monotonic()
    try:
        result = learn(make_table(n_rows=5000), TASK, Plan(time_limit_s=6.0), pool=pool)
    finally:
        pool.close()
    assert time.monotonic() - started < 60  # the exact overrun is measured in benchmarks/
    assert result.leaderboard[0].rank == 1


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Task(target="nothing"), "No column named 'nothing'"),
        (Task(target="target", features=("size", "weight")), "No column named 'weight'"),
        (Task(target="target", metric="rmse"), "does not fit a binary target"),
        (Task(target="target", problem="regression"), "target"),
        (Task(target="target", weight="colour"), "must hold numbers"),
    ],
)
def test_a_task_that_does_not_fit_is_refused_in_words(make_table, task, message):
    with pytest.raises((InvalidInput, Impossible), match=message):
        learn(make_table(), task, THREE, pool=InlinePool())


def test_excluding_every_family_is_refused(make_table):
    from athanor.engine.models import FAMILIES

    plan = Plan(max_trials=1, time_limit_s=None, excluded_families=tuple(FAMILIES.names()))
    with pytest.raises(InvalidInput, match="Leave at least one in"):
        learn(make_table(), TASK, plan, pool=InlinePool())


def test_in_noise_nothing_looks_learned(make_table):
    """Scores are honest: what stops a fit, and what weighs an ensemble, never saw the rows that score it."""
    found = []
    for seed in range(6):
        table = make_table(seed=seed)
        words = table["target"]
        noise = Words(np.random.default_rng(seed).permutation(words.codes), words.vocabulary)
        shuffled = type(table)(table.schema, {**table.columns, "target": noise}, table.n_rows)
        board = learn(shuffled, TASK, THREE, pool=InlinePool()).leaderboard
        found += [row.score for row in board if row.trial != "ensemble"]
    assert 0.45 < np.mean(found) < 0.52  # 18 areas under the curve of 300 rows; each has a standard error of 0.03


TWO = Plan(time_limit_s=None, max_trials=2, preset="medium_quality", seed=3)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_two_trials_and_one_more_fit_the_folds_of_three_at_once_and_serve_the_same_or_the_better_model_before(
    make_table, tmp_path, problem
):
    table, stores = make_table(problem=problem), [FolderCheckpoints(tmp_path / name) for name in ("once", "later")]
    at_once = learn(table, TASK, THREE, pool=InlinePool(), checkpoints=stores[0])
    two = learn(table, TASK, TWO, pool=InlinePool(), checkpoints=stores[1])
    continued = two.continue_(more_trials=1)
    folds, later = ([(each.trial, each.fold) for each in store.finished() if each.fold < 3] for store in stores)
    assert folds == later
    assert len(folds) == 9
    for trial, fold in folds:
        assert np.array_equal(*(store.out_of_fold(trial, fold) for store in stores))
    # A model that is better on the rows of all folds stays, whatever three at once would have come to.
    served = [bits_of(result.predictor.predict(table)) for result in (at_once, two)]
    assert bits_of(continued.predictor.predict(table)) in served


def of_folds(fits):
    """Those that are validated: the members' models of all rows are fits, too."""
    return [fit for fit in fits if int(fit.rpartition(" ")[2]) < 3]


def bits_of(answers):
    return (answers.values if answers.probabilities is None else answers.probabilities).tobytes()


def test_a_continuation_fits_no_fold_twice_and_says_what_it_restored(make_table, tmp_path):
    heard = []
    result = learn(make_table(), TASK, TWO, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path))
    result.continue_(more_trials=1, tell=heard.append)
    fits = (tmp_path / "fits.log").read_text().splitlines()
    assert len(fits) == len(set(fits))
    assert len(of_folds(fits)) == 9
    assert [event.restored for event in heard if isinstance(event, FoldFinished)] == [True] * 6 + [False] * 3


def test_a_result_and_its_predictor_stay_as_they_are_when_it_is_continued(make_table, tmp_path):
    table = make_table()
    result = learn(table, TASK, replace(TWO, max_trials=1), pool=InlinePool())
    before = bits_of(Predictor.load(result.folder).predict(table))
    continued = result.continue_(more_trials=2)
    further = continued.continue_(more_trials=1)
    assert len({row.trial for row in continued.leaderboard}) > len({row.trial for row in result.leaderboard})
    assert continued.folder != result.folder
    assert bits_of(result.predictor.predict(table)) == before
    result.save(tmp_path / "model")
    assert bits_of(Predictor.load(tmp_path / "model").predict(table)) == before
    assert continued.predictor.predict(table) is not None
    assert further.predictor.predict(table) is not None


def test_where_nothing_better_is_found_the_folder_of_the_earlier_result_stays_as_it_is_too(make_table, tmp_path):
    table = make_table()
    result = learn(table, TASK, TWO, pool=InlinePool(), validation=make_table(n_rows=50, seed=8))
    before = content_of(result.folder)
    continued = result.continue_(time_limit_s=30.0)  # no trial is left
    assert continued.folder != result.folder
    assert content_of(result.folder) == before
    write_leaderboard(continued.folder, ())
    result.save(tmp_path / "model")
    assert content_of(tmp_path / "model") == before
    served = [bits_of(found.predictor.predict(table)) for found in (result, continued)]
    assert served[0] == served[1]


def test_a_run_that_is_continued_has_the_folds_it_had_however_long_it_goes_on(make_table, monkeypatch):
    monkeypatch.setattr("athanor.engine.fitting.training_set.fold_s", lambda schedule, shape: 10.0)
    plan = Plan(time_limit_s=60.0, max_trials=1, preset="best_quality")
    heard = []
    result = learn(make_table(120), TASK, plan, pool=InlinePool(), tell=heard.append)
    result.continue_(time_limit_s=600.0, more_trials=1, tell=heard.append)
    assert [event.n_folds for event in heard if isinstance(event, Started)] == [6, 6]


def content_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_result_says_how_many_trials_are_left_and_how_many_more_there_are(make_table):
    budget = Budget.of(3600)

    def tell(event):
        if isinstance(event, FoldFinished):
            budget.finish()

    ended = learn(make_table(), TASK, THREE, pool=InlinePool(), budget=budget, tell=tell)
    assert (ended.trials_left, ended.trials_beyond) == (3, 2)
    two = learn(make_table(), TASK, TWO, pool=InlinePool())
    assert (two.trials_left, two.trials_beyond) == (0, 3)


def test_a_run_is_not_lost_where_memory_runs_out_while_columns_are_measured(make_table, monkeypatch):
    def no_room(*_, **__):
        raise MemoryError

    heard = []
    monkeypatch.setattr(worth, "out_of_fold_worth", no_room)
    plan = replace(TWO, time_limit_s=600.0)
    result = learn(make_table(), TASK, plan, pool=InlinePool(), tell=heard.append)
    assert result.predictor.predict(make_table()) is not None
    assert isinstance(heard[-1], Finished)
    [warned] = [event.message for event in heard if isinstance(event, Warned)]
    assert warned.startswith("What each column is worth was not measured: memory ran out")


def test_more_trials_than_the_schedule_has_are_told_of(make_table):
    heard = []
    result = learn(make_table(), TASK, TWO, pool=InlinePool())
    continued = result.continue_(more_trials=5, tell=heard.append)
    assert (continued.trials_left, continued.trials_beyond) == (0, 0)
    assert [event.message for event in heard if isinstance(event, Warned)] == [
        "The schedule of medium_quality has 5 trials for this table, not 7: there are no more to add."
    ]


def test_the_folds_of_a_result_live_as_long_as_it_or_its_continuation_or_its_predictor(make_table):
    table = make_table()
    result = learn(table, TASK, TWO, pool=InlinePool())
    folder = result.folder
    continued = result.continue_(more_trials=1)
    del result
    gc.collect()
    assert continued.folder.is_dir()
    assert folder.parent.is_dir()
    predictor, folder = continued.predictor, continued.folder
    del continued
    gc.collect()
    assert predictor.folder.is_dir()
    del predictor
    gc.collect()
    assert not folder.exists()


def test_more_time_starts_a_clock_of_its_own_and_makes_nothing_worse(make_table):
    heard = []
    table = make_table()
    result = learn(table, TASK, TWO, pool=InlinePool())
    continued = result.continue_(time_limit_s=30.0, tell=heard.append)
    assert continued.score >= result.score
    assert [event.time_limit_s for event in heard if isinstance(event, Started)] == [30.0]


def test_a_continuation_is_validated_again(make_table):
    heard = []
    result = learn(make_table(), TASK, TWO, pool=InlinePool(), validation=make_table(n_rows=50, seed=8))
    continued = result.continue_(more_trials=1, tell=heard.append)
    assert read_scores(continued.folder).n_rows == 50


def test_going_on_without_a_word_how_far_is_refused(learned):
    with pytest.raises(InvalidInput, match="more time or more trials"):
        learned().continue_()


def test_going_on_from_folds_that_are_gone_is_told_in_words(make_table, tmp_path):
    result = learn(make_table(), TASK, TWO, pool=InlinePool(), checkpoints=FolderCheckpoints(tmp_path / "folds"))
    shutil.rmtree(tmp_path / "folds")
    with pytest.raises(NotFound, match="The folds of this run are gone"):
        result.continue_(more_trials=1)
    with pytest.raises(NotFound, match="The folds of this run are gone"):
        learn(make_table(), TASK, THREE, checkpoints=FolderCheckpoints(tmp_path / "other"), continues=True)


def test_what_was_not_learned_here_cannot_go_on(learned):
    with pytest.raises(NotFound, match="Only what `learn` gave"):
        replace(learned(), _origin=None).continue_(more_trials=1)
