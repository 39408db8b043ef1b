"""The race: rounds, barriers and the model on disk, played with scripted fits and a clock that fits alone move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from athanor.engine import schedule
from athanor.engine.budget import Budget
from athanor.engine.disk import sha256_of
from athanor.engine.events import (
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    Outlook,
    TrialFailed,
    TrialFinished,
    Warned,
)
from athanor.engine.fitting.checkpoint import FolderCheckpoints, FoldRecord
from athanor.engine.fitting.training_set import TrainingSet
from athanor.engine.leaderboard import read_leaderboard
from athanor.engine.plan import Plan
from athanor.engine.predictions import Truth
from athanor.engine.processes.pool import LATE, NEEDS_ROOM, OUT_OF_MEMORY, Outcome
from athanor.engine.race import rounds as racing
from athanor.engine.race.rounds import Race
from athanor.engine.schedule import Entry
from athanor.engine.scores import MeasuredOn, read_scores
from athanor.engine.serving.model_files import read_head
from athanor.engine.tables.dataset import Dataset, Numbers
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.task import Task
from athanor.errors import Impossible

N_FOLDS = 4
Y = np.arange(12.0)
FOLDS = np.arange(12, dtype=np.int16) % N_FOLDS
NEVER = "never"  # a fit that does not come back


def given():
    schema = Schema((ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    return TrainingSet(
        task=Task(target="y", problem="regression", metric="mae", features=("x",)),
        features=Dataset(schema, {"x": Numbers(Y)}, 12),
        truth=Truth(y=Y),
        folds=FOLDS,
    )


@dataclass
class Stage:
    """A race over trials `a`, `b`, … whose fits are off by what the script says.

    script  trial → error in each fold: a number, NEVER, or an outcome's `lost` or `failed` as {"lost": …}; a list of
            these is taken one by one, for fits that are tried again
    """

    folder: object
    script: dict[str, list]
    size: int = 1
    fit_s: float = 1.0
    limit_s: float | None = None
    continues: bool = False
    ensemble: bool = False
    preset: str = "best_quality"
    cut_after: int | None = None  # fits, after which the whole process is lost
    at: float = 1000.0
    orders: list = field(default_factory=list)
    heard: list = field(default_factory=list)
    under_way: list = field(default_factory=list)
    hurried: bool = False
    memory: int = 0
    peak_memory: int = 0
    memory_limit: int | None = None
    room: int | None = None
    look: Callable = lambda event: None  # what else is done with what the race tells

    def __post_init__(self):
        self.store = FolderCheckpoints(self.folder)
        self.given = given()
        self.store.claim(self.given.fingerprint())
        self.lasts = lambda _: self.fit_s
        self.cuts = lambda _: False  # whether the clock cut a fit short
        self.says_nothing = lambda _: False  # whether a fit answers all rows alike
        self.n_rows = lambda _: 9  # that a fit learned from
        self.snapshots = False  # whether fits that never come back had kept some of themselves
        self.budget = Budget(np.inf if self.limit_s is None else self.at + self.limit_s, lambda: self.at)

    def race(self):
        plan = Plan(time_limit_s=self.limit_s, max_trials=9, ensemble=self.ensemble, preset=self.preset)
        return Race(
            self.given,
            plan,
            clock=self.budget,
            pool=self,
            checkpoints=self.store,
            tell=self.hear,
            continues=self.continues,
        )

    def hear(self, event):
        self.heard.append(event)
        self.look(event)

    def after(self, is_it):
        """Somebody asks to finish once such an event was told."""
        self.look = lambda event: self.budget.finish() if is_it(event) else None

    def run(self):
        self.playing = self.race()
        return self.playing.run()

    # the pool

    def submit(self, order):
        assert len(self.under_way) < self.size
        self.orders.append(order)
        self.under_way.append((order, self.at + self.lasts(order)))

    def wait(self, timeout_s):
        until = self.at + timeout_s
        done = [(order, end) for order, end in self.under_way if end <= until and self._says(order) != NEVER]
        if not done:
            self.at = max(self.at, until) + 0.01
            return []
        order, end = min(done, key=lambda pair: (pair[1], pair[0].trial))
        self.at = max(self.at, end)
        self.under_way.remove((order, end))
        if self.cut_after is not None:
            self.cut_after -= 1
            if self.cut_after < 0:
                raise KeyboardInterrupt
        return [self.outcome(order)]

    def outcome(self, order):
        said = self._says(order)
        errors = self.script[order.options["name"]][order.fold]
        if isinstance(errors, list):
            errors.pop(0)
        if isinstance(said, dict):
            if said.pop("kept", False):
                self.keep(order, 0.0)
            return Outcome(order=order, **said)
        return Outcome(order=order, record=self.keep(order, said))

    def keep(self, order, error, *, as_snapshot=False):
        written = self.store.new_folder()
        (written / "model.txt").write_text(f"{order.trial} {order.fold}")
        rows = order.fold == FOLDS
        record = FoldRecord(
            trial=order.trial, family=order.family, view="codes", fold=order.fold, score=abs(error),
            fit_s=self.lasts(order), predict_s=0.1, n_features=1, truncated=as_snapshot or self.cuts(order), files=sha256_of(written), n_rows=self.n_rows(order),
        )  # fmt: skip
        keep = self.store.keep_snapshot if as_snapshot else self.store.keep_fold
        answers = np.zeros(rows.sum()) if self.says_nothing(order) else Y[rows] + error
        keep(written, record, answers.astype(np.float32)[:, None])
        return record

    def hurry(self):
        self.hurried = True

    def take_time(self):
        self.hurried = False

    def abandon(self, trials=None):
        late = [each for each in self.under_way if trials is None or each[0].trial in trials]
        for order, _ in late:
            if self.snapshots:
                self.keep(order, 2.0, as_snapshot=True)
        self.under_way = [each for each in self.under_way if each not in late]
        return [Outcome(order=order, lost=LATE) for order, _ in late]

    def _says(self, order):
        said = self.script[order.options["name"]][order.fold]
        return said[0] if isinstance(said, list) else said

    # what came of it

    def fits(self):
        return [f"{order.trial}{order.fold}" for order in self.orders]

    def of(self, kind):
        return [event for event in self.heard if isinstance(event, kind)]

    def saved(self):
        """Trial → share, and the folds of its bag, of the model on disk."""
        head = read_head(self.store.incumbent())
        return {member["trial"]: (member["share"], member["folds"]) for member in head["members"]}


@pytest.fixture
def stage(tmp_path, monkeypatch, remembered_weights):
    """Sets a stage; the script names the starters."""

    def set_it(**given):
        script = given["script"]
        starters = (
            [schedule._entry("linear", 0, {"name": name}) for name in script]
            if given.pop("by_id", False)
            else [Entry(trial=name, family="linear", label=name.upper(), options={"name": name}) for name in script]
        )
        monkeypatch.setattr(racing, "starters", lambda *_, **__: starters)
        monkeypatch.setattr("athanor.engine.race.standings.select_weights", remembered_weights)
        monkeypatch.setattr("athanor.engine.fitting.checkpoint.os.fsync", lambda _: None)
        return Stage(given.pop("folder", tmp_path / "run"), **given)

    return set_it


ALL = list(range(N_FOLDS))


# --- the schedule ---------------------------------------------------------------------------------------------------


def test_each_round_fits_one_fold_of_everybody(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4})
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]
    assert len(played.of(TrialFinished)) == 2


def test_without_a_time_limit_no_fit_has_a_deadline(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4})
    played.run()
    assert {order.deadline for order in played.orders} == {None}


def test_a_model_is_on_disk_after_the_first_fit_and_it_is_the_best_one_after_the_first_round(stage):
    played = stage(script={"a": [3] * 4, "b": [1] * 4})
    seen = []
    played.look = lambda event: seen.append((type(event), sorted(played.saved()) if played.store.incumbent() else []))
    played.run()
    told = [(kind, trials) for kind, trials in seen if kind in {FoldFinished, IncumbentChanged}]
    assert told[:4] == [(FoldFinished, []), (IncumbentChanged, ["a"]), (FoldFinished, ["a"]), (IncumbentChanged, ["b"])]


def test_the_model_on_disk_has_all_folds_of_the_best_trial_and_the_leaderboard_beside_it(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4})
    played.run()
    assert played.saved() == {"a": (1.0, ALL)}
    head = read_head(played.store.incumbent())
    assert head["score"] == 1.0
    models = {name for name in head["files"] if name.startswith("models/")}
    assert models == {f"models/a/fold-{fold}/model.txt" for fold in ALL}
    assert read_leaderboard(played.store.incumbent()) == played.playing.leaderboard()
    assert [(row.rank, row.name, row.score) for row in played.playing.leaderboard()] == [(1, "A", 1.0), (2, "B", 2.0)]


def test_the_scores_of_the_model_on_disk_stand_beside_it_at_any_time(stage):
    played = stage(script={"a": [3] * 4, "b": [1] * 4})
    seen = []

    def look(event):
        if isinstance(event, IncumbentChanged):
            scores = read_scores(played.store.incumbent())
            seen.append((scores.measured_on, scores.n_rows, scores.by_metric["mae"]))

    played.look = look
    played.run()
    assert seen == [(MeasuredOn.OUT_OF_FOLD, *rest) for rest in [(3, 3.0), (3, 1.0), (6, 1.0), (9, 1.0), (12, 1.0)]]


def test_with_every_model_that_is_saved_one_hears_on_how_many_folds_its_score_stands(stage):
    played = stage(script={"a": [3] * 4, "b": [1] * 4})
    played.run()
    told = [(event.score, event.folds, event.n_folds) for event in played.of(IncumbentChanged)]
    assert told == [(3.0, 1, 4), (1.0, 1, 4), (1.0, 2, 4), (1.0, 3, 4), (1.0, 4, 4)]


def test_an_ensemble_is_saved_where_it_is_better_than_everybody_alone(stage):
    played = stage(script={"a": [1] * 4, "b": [-1] * 4}, ensemble=True)
    played.run()
    assert set(played.saved()) == {"a", "b"}
    assert sum(share for share, _ in played.saved().values()) == pytest.approx(1.0)
    assert played.playing.leaderboard()[0].name == "Ensemble"
    assert read_leaderboard(played.store.incumbent())[0].name == "Ensemble"


# --- the incumbent --------------------------------------------------------------------------------------------------


def test_the_incumbent_is_replaced_by_one_that_is_better_on_the_rows_of_both(stage):
    """`a` leads after one fold, `b` from the second one on: errors 1 and 6 against 2 and 2."""
    played = stage(script={"a": [1, 6, 6, 6], "b": [2, 2, 2, 2]})
    played.run()
    assert played.saved() == {"b": (1.0, ALL)}


def test_a_newcomer_that_is_worse_on_common_rows_does_not_replace_the_incumbent(stage, monkeypatch):
    """Whoever weighs them says `b`, from the second round on: the race knows better."""
    played = stage(script={"a": [1] * 4, "b": [2] * 4})
    weigh = racing.Standings.weigh

    def biased(self, trials, *, cap, **more):
        return weigh(self, ["b"] if cap and cap > 1 else trials, cap=cap, **more)

    monkeypatch.setattr(racing.Standings, "weigh", biased)
    played.run()
    assert played.saved() == {"a": (1.0, ALL)}
    assert played.playing.leaderboard()[0].trial == "a"


def test_the_model_of_an_earlier_attempt_stays_where_the_newcomer_is_worse_on_common_rows(stage, tmp_path, monkeypatch):
    first = stage(script={"a": [1] * 4, "b": [9] * 4}, cut_after=6, limit_s=1000.0)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert first.saved() == {"a": (1.0, [0, 1, 2])}
    weigh = racing.Standings.weigh
    monkeypatch.setattr(racing.Standings, "weigh", lambda self, trials, **more: weigh(self, ["b"], **more))
    second = stage(script={"a": [1] * 4, "b": [9] * 4}, limit_s=1000.0)
    second.run()
    assert set(second.saved()) == {"a"}


def test_an_earlier_model_stays_until_one_is_better_on_all_the_folds_of_both(stage, monkeypatch):
    """`a` is the best of four folds, `b` of the first two and three: a run that goes on comes by there once more."""
    script = {"a": [3, 1, 1, 1], "b": [1, 2, 1, 9], "c": [9, 9, 9, 9]}
    first = stage(script=script, limit_s=1000.0)
    with monkeypatch.context() as patch:
        patch.setattr(Race, "_survivors", lambda self, runners, **_: [entry for entry in runners if entry.trial != "c"])
        first.run()
    assert first.saved() == {"a": (1.0, ALL)}
    second = stage(script=script, limit_s=1000.0)
    second.after(lambda event: isinstance(event, FoldFinished) and event.fold == 2 and not event.restored)
    assert second.run() == "finish requested"
    assert second.fits() == ["c1", "c2"]
    assert second.saved() == {"a": (1.0, ALL)}


def test_an_ensemble_that_stays_shows_its_score_on_all_the_rows_that_its_members_have_predicted(stage):
    """Perfect in the first fold, where it is weighed; later its members are alike, so that nothing better is found."""
    played = stage(script={"a": [1, 5, 5, 5], "b": [-1, 5, 5, 5]}, ensemble=True)
    played.run()
    assert {trial: share for trial, (share, _) in played.saved().items()} == {"a": 0.5, "b": 0.5}
    shown = [event.rows[0].score for event in played.of(LeaderboardChanged)]
    assert shown == pytest.approx([0.0, 2.5, 10 / 3, 3.75])
    assert read_head(played.store.incumbent())["score"] == pytest.approx(3.75)
    again = stage(script={"a": [1, 5, 5, 5], "b": [-1, 5, 5, 5]}, ensemble=True)
    again.run()
    assert again.playing.leaderboard() == played.playing.leaderboard()


def test_the_first_model_is_no_rival_because_chance_chose_it(stage):
    """Both workers start at once; `a` ends first and is worse."""
    played = stage(script={"a": [5] * 4, "b": [1] * 4}, size=2)
    played.run()
    assert played.saved() == {"b": (1.0, ALL)}


def test_every_barrier_shows_the_whole_leaderboard(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4})
    played.run()
    boards = [[(row.rank, row.trial, row.folds) for row in event.rows] for event in played.of(LeaderboardChanged)]
    assert boards == [
        [(1, "a", 1), (None, "b", 1)],
        [(1, "a", 2), (None, "b", 2)],
        [(1, "a", 3), (None, "b", 3)],
        [(1, "a", 4), (2, "b", 4)],
    ]


# --- time -----------------------------------------------------------------------------------------------------------


def test_under_a_time_limit_every_fit_has_a_deadline_within_it(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4}, limit_s=100.0)
    assert played.run() == "schedule complete"
    assert all(1000.0 < order.deadline < 1100.0 for order in played.orders)


def test_the_first_round_leaves_time_for_the_others(stage):
    played = stage(script={name: [1] * 4 for name in "abcd"}, limit_s=100.0)
    played.run()
    first_round = [order.deadline for order in played.orders if order.fold == 0]
    assert max(first_round) <= 1000.0 + racing.FIRST_ROUND * 100.0
    assert first_round[0] < 1000.0 + racing.FIRST_ROUND * 100.0 / 2


def test_who_begins_has_time_for_its_first_fold_even_if_those_behind_it_do_not_begin_then(stage):
    played = stage(script={name: [1] * 4 for name in "abcdefgh"}, limit_s=80.0, fit_s=5.5)
    played.run()
    assert played.fits()[:8] == ["a0", "b0", "c0", "d0", "e0", "f0", "a1", "b1"]  # 27.8 s are for the first round
    began = [1000.0 + 5.5 * place for place in range(3)]
    allowed = [order.deadline - at for order, at in zip(played.orders, began, strict=False)]
    assert allowed == pytest.approx([5.9] * 3, abs=0.1)


@pytest.mark.parametrize("preset", ["best_quality", "fast"])
def test_where_the_clock_cuts_all_first_folds_two_entries_have_time_for_all_of_theirs(stage, preset):
    played = stage(script={name: [1] * 5 for name in "abcdefgh"}, limit_s=100.0, preset=preset)
    played.lasts = lasts_to_its_deadline(played)
    played.cuts = lambda _: True
    played.run()
    assert {"a3", "b3"} <= set(played.fits())
    assert min(record.fit_s for record in played.store.finished()) > 1.0


def test_more_that_work_side_by_side_have_more_folds_where_the_clock_cuts_all(stage, tmp_path):
    n_folds = []
    for size in (1, 2, 4):
        script = {name: [1] * 4 for name in "abcdefgh"}
        played = stage(script=script, limit_s=100.0, size=size, folder=tmp_path / str(size))
        played.lasts = lasts_to_its_deadline(played)
        played.cuts = lambda _: True
        played.run()
        n_folds.append(len(played.store.finished()))
    assert n_folds == sorted(n_folds)


def lasts_to_its_deadline(played):
    """Each fit takes all the seconds that it was given, which are known when it begins."""
    took = {}
    return lambda order: took.setdefault((order.trial, order.fold, order.deadline), order.deadline - played.at)


def test_who_had_no_time_to_begin_begins_when_the_others_are_done(stage):
    played = stage(script={name: [1] * 4 for name in "abc"}, limit_s=80.0)
    played.lasts = lambda order: 14.0 if f"{order.trial}{order.fold}" in {"a0", "b0"} else 1.0
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "b0", "a1", "a2", "a3", "b1", "b2", "b3", "c0", "c1", "c2", "c3"]


@pytest.mark.parametrize("said", [{"failed": "no"}, {"lost": "signal 9"}])
def test_where_one_that_began_later_comes_to_nothing_the_others_begin_nevertheless(stage, said):
    script = {"a": [1] * 4, "b": [1] * 4, "c": [[said, said, said], 1, 1, 1], "d": [1] * 4}
    played = stage(script=script, limit_s=100.0)
    played.lasts = lambda order: 18.0 if f"{order.trial}{order.fold}" in {"a0", "b0"} else 1.0
    assert played.run() == "schedule complete"
    assert played.fits()[-4:] == ["d0", "d1", "d2", "d3"]


def test_what_is_left_in_the_end_is_for_further_folds_of_the_best_that_cannot_have_all(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4}, limit_s=20.0)
    played.lasts = lambda order: 3.0
    played.run()
    assert played.fits() == ["a0", "b0", "a1", "a2", "a3", "b1"]


def test_of_those_that_cannot_have_all_folds_as_many_go_on_side_by_side_as_can_work(stage):
    """When `a` has all of its folds, after 8 s, there is time for one fold of each of the others, not for three."""
    played = stage(script={name: [1] * 4 for name in "abcd"}, limit_s=13.0, size=3)
    played.lasts = lambda order: 1.0 if order.trial == "a" else 4.0
    played.run()
    assert played.fits()[4:] == ["a1", "a2", "a3", "b1", "c1", "d1"]
    assert played.at == 1012.0


def test_a_later_fold_that_the_clock_ended_much_earlier_than_the_first_one_is_no_fold(stage):
    """Its bag would be the worse for it, and no score would tell before all folds are there."""
    played = stage(script={"a": [1, 1, 1, 9]}, limit_s=10.8)
    played.lasts = lambda order: 3.0 if order.fold < 3 else 1.2
    played.cuts = lambda order: order.fold == 3
    played.run()
    assert played.fits() == ["a0", "a1", "a2", "a3"]
    assert played.saved() == {"a": (1.0, [0, 1, 2])}
    assert [record.fold for record in played.store.finished()] == [0, 1, 2]


def test_a_first_fold_that_the_clock_ended_before_it_says_anything_is_none_unless_it_is_the_very_first(stage):
    played = stage(script={name: [1] * 4 for name in "abc"}, limit_s=100.0)
    played.cuts = played.says_nothing = lambda order: order.trial in {"a", "c"} and order.fold == 0
    played.run()
    assert 1 < played.fits().count("c0") < 8  # each time with twice the time, while there is some
    assert {row.trial for row in played.playing.leaderboard()} == {"a", "b"}


def test_under_little_time_only_the_best_go_on(stage):
    """12 s, 1 s a fit, 4 folds: after the first round of four trials there is room for two."""
    script = {name: [error] * 4 for name, error in {"a": 4, "b": 1, "c": 3, "d": 2}.items()}
    played = stage(script=script, limit_s=12.0)
    assert played.run() == "time limit"
    assert played.fits()[:10] == ["a0", "b0", "c0", "d0", "b1", "d1", "b2", "d2", "b3", "d3"]
    assert played.saved() == {"b": (1.0, ALL)}


@pytest.mark.parametrize(
    ("is_cut", "others"), [(False, ["a1", "b1", "a2", "b2", "a3", "b3"]), (True, ["a1", "a2", "a3"])]
)
def test_the_folds_of_a_trial_that_the_clock_cut_are_expected_to_take_all_that_they_may(stage, is_cut, others):
    """Three folds of 6 s and three of 4 s have room in what is left of 42 s; where 6 s were a cut, there may be 7.8."""
    played = stage(script={"a": [1] * 4, "b": [2] * 4}, limit_s=42.0)
    played.lasts = lambda order: 6.0 if order.trial == "a" else 4.0
    played.cuts = lambda order: is_cut and order.trial == "a"
    played.run()
    assert played.fits()[2 : 2 + len(others)] == others


def test_under_little_time_the_members_of_the_model_on_disk_go_on_before_better_ones(stage):
    """`b` is the worst alone, and the best partner of `c`: a model whose members stop cannot be compared again."""
    played = stage(script={"a": [2.5] * 4, "b": [-3] * 4, "c": [2] * 4}, limit_s=50.0, ensemble=True)

    def lose_time(event):
        if isinstance(event, FoldFinished) and (event.trial, event.fold) == ("c", 1):
            played.at = 1043.8  # room for 5 of the 6 fits that are left

    played.look = lose_time
    played.run()
    assert played.fits()[6:10] == ["b2", "c2", "b3", "c3"]


def test_a_later_fold_may_take_somewhat_longer_than_the_first_one_but_never_longer_than_the_run(stage):
    """8 fits of 10 s in 82 s: an even share would be 10 s, 1.3 times the first fold is 13 s."""
    played = stage(script={"a": [1] * 4, "b": [2] * 4}, limit_s=82.0, fit_s=10.0)
    assert played.run() == "schedule complete"
    third, last = played.orders[2], played.orders[-1]
    assert third.deadline == pytest.approx(1020.0 + 13.0)
    assert 1080.0 <= last.deadline < 1082.0


def test_when_the_time_is_over_fits_are_called_in_and_the_late_ones_abandoned(stage):
    played = stage(script={"a": [1, 1, NEVER, 1], "b": [2] * 4}, limit_s=6.0)
    assert played.run() == "time limit"
    assert played.hurried
    assert played.at <= 1006.0
    assert played.saved() == {"a": (1.0, [0, 1])}
    assert played.under_way == []


def test_the_first_fit_is_started_whatever_the_time(stage):
    played = stage(script={"a": [1] * 4, "b": [2] * 4}, limit_s=0.5)
    assert played.run() == "time limit"
    assert played.fits() == ["a0"]
    assert played.saved() == {"a": (1.0, [0])}


def test_where_the_first_fit_never_comes_back_no_other_one_is_tried_after_the_limit(stage):
    """The limit is hard: each of nine starters would be given its own second and a half."""
    played = stage(script={name: [NEVER] * 4 for name in "abcdefghi"}, limit_s=2.0)
    with pytest.raises(Impossible, match="time limit ended before the first model was finished"):
        played.run()
    assert played.fits() == ["a0"]
    assert played.at <= 1000.0 + 2.0 + racing.FIRST_S + 1.0


def test_finishing_now_keeps_the_best_so_far(stage):
    played = stage(script={"a": [2] * 4, "b": [1] * 4}, limit_s=1000.0)
    played.after(lambda event: isinstance(event, FoldFinished) and event.fold == 1)
    assert played.run() == "finish requested"
    assert played.fits() == ["a0", "b0", "a1"]
    assert set(played.saved()) == {"b"}


def test_finishing_before_the_first_fit_says_so(stage):
    played = stage(script={"a": [1] * 4}, limit_s=1000.0)
    played.budget.finish()
    with pytest.raises(Impossible, match="asked to finish before its first model"):
        played.run()
    assert played.fits() == []


# --- fits that fail -------------------------------------------------------------------------------------------------


def test_a_trial_that_cannot_be_fitted_is_told_and_left_out(stage):
    played = stage(script={"a": [{"failed": "all rows are alike"}] * 4, "b": [2] * 4})
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "b0", "b1", "b2", "b3"]
    assert [(event.label, event.reason) for event in played.of(TrialFailed)] == [("A", "all rows are alike")]


def test_where_every_trial_fails_the_reasons_are_told(stage):
    played = stage(
        script={"a": [{"failed": "Odd."}] * 4, "b": [{"failed": "Even."}] * 4, "c": [{"failed": "Odd."}] * 4}
    )
    with pytest.raises(Impossible, match=r"No model could be fitted\. A, C: Odd\. B: Even\."):
        played.run()
    assert played.store.incumbent() is None


def test_a_trial_that_fails_later_makes_way_for_one_that_can_be_whole(stage):
    played = stage(script={"a": [1, {"failed": "no"}, 1, 1], "b": [2] * 4})
    played.run()
    assert played.fits() == ["a0", "b0", "a1", "b1", "b2", "b3"]
    assert played.saved() == {"b": (1.0, ALL)}


def test_without_a_limit_it_is_never_the_time_that_ended_the_run(stage):
    assert stage(script={"a": [1, {"failed": "no"}, 1, 1]}).run() == "schedule complete"


def test_a_fold_whose_process_was_lost_is_fitted_again(stage):
    played = stage(script={"a": [[{"lost": "signal 9"}, 1], 1, 1, 1]})
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "a0", "a1", "a2", "a3"]
    assert [event.message for event in played.of(Warned)] == [
        "A: the process of fold 1 of 4 ended (signal 9); trying again."
    ]


def test_a_fold_whose_processes_are_lost_three_times_is_given_up(stage):
    played = stage(script={"a": [[{"lost": "signal 9"}] * 9, 1, 1, 1], "b": [2] * 4})
    played.run()
    assert played.fits() == ["a0", "a0", "a0", "b0", "b1", "b2", "b3"]
    assert "lost 3 times, last by signal 9" in played.of(TrialFailed)[0].reason


@pytest.mark.parametrize("lost", ["signal 9", OUT_OF_MEMORY])
def test_a_process_that_died_after_it_had_kept_its_fold_has_lost_nothing(stage, lost):
    played = stage(script={"a": [[{"lost": lost, "kept": True}], 1, 1, 1]})
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "a1", "a2", "a3"]
    assert played.saved() == {"a": (1.0, ALL)}
    assert len(played.of(FoldFinished)) == 4


# --- memory ---------------------------------------------------------------------------------------------------------


def test_a_fit_that_ran_out_of_memory_runs_alone_first_and_then_on_fewer_rows(stage):
    full = {"lost": OUT_OF_MEMORY}
    played = stage(script={"a": [[dict(full) for _ in range(3)] + [1], 1, 1, 1]}, size=3, room=900)
    assert played.run() == "schedule complete"
    first = [(order.max_rows, order.memory) for order in played.orders if order.fold == 0]
    assert first == [(None, 300), (None, 900), (4, 900), (2, 900)]  # a fold is learned from the 9 rows of the others
    assert [(order.max_rows, order.memory) for order in played.orders[4:]] == [(2, 900)] * 3
    messages = [event.message for event in played.of(Warned)]
    assert "nothing else is fitted beside it" in messages[0]
    assert all("trying with half of the rows" in message for message in messages[1:3])


@pytest.mark.parametrize("lost", [OUT_OF_MEMORY, NEEDS_ROOM])
def test_a_trial_that_needs_all_the_memory_waits_until_nothing_else_runs_and_nothing_runs_beside_it(stage, lost):
    played = stage(script={"a": [[{"lost": lost}, 1], 1, 1, 1], "b": [2] * 4, "c": [3] * 4}, size=2, room=900)
    submit, beside = played.submit, []

    def watch(order):
        submit(order)
        beside.append(sorted(order.trial for order, _ in played.under_way))

    played.submit = watch
    played.run()
    assert all(trials == ["a"] for trials in beside[3:] if "a" in trials)
    assert ["b", "c"] in beside[3:]
    assert {order.memory for order in played.orders if order.trial != "a"} == {450}
    assert {order.room for order in played.orders} == {900}


def test_a_fold_that_does_not_fit_into_memory_at_all_is_given_up(stage):
    played = stage(script={"a": [[{"lost": OUT_OF_MEMORY} for _ in range(9)], 1, 1, 1], "b": [2] * 4})
    played.run()
    assert [order.max_rows for order in played.orders if order.trial == "a"] == [None, 4, 2]
    assert "lost 3 times, last by memory" in played.of(TrialFailed)[0].reason


# --- late, early, again -----------------------------------------------------------------------------------------------


def test_a_fit_that_is_far_beyond_its_deadline_is_ended_while_the_others_go_on(stage):
    played = stage(script={"a": [1, NEVER, 1, 1], "b": [2] * 4}, limit_s=100.0, fit_s=5.0, size=2)
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "b0", "a1", "b1", "b2", "b3"]
    assert "fold 2 of 4 did not come back in time" in played.of(TrialFailed)[0].reason
    assert played.saved() == {"b": (1.0, ALL)}


def test_the_first_fit_is_waited_for_as_long_as_there_is_no_model(stage):
    played = stage(script={"a": [NEVER, 1, 1, 1]}, limit_s=100.0)
    with pytest.raises(Impossible, match="time limit ended before"):
        played.run()
    assert played.at > 1095.0


def test_what_a_late_fit_had_kept_of_itself_is_its_fold(stage):
    played = stage(script={"a": [1] * 4, "b": [2, 2, NEVER, 2]}, limit_s=30.0, fit_s=3.0)
    played.snapshots = True
    played.run()
    cut = next(event for event in played.of(FoldFinished) if (event.trial, event.fold) == ("b", 2))
    assert cut.truncated


def test_who_dropped_out_for_want_of_time_comes_back_when_there_is_some(stage):
    """`a` is slow in its first fold alone: when it and `b` are done there is time for the other folds of `c`."""
    played = stage(script={"a": [1] * 4, "b": [2] * 4, "c": [3] * 4}, limit_s=24.5)
    played.lasts = lambda order: {"a0": 4.0, "b0": 1.0}.get(
        f"{order.trial}{order.fold}", 3.0 * (order.trial == "c") or 1
    )
    assert played.run() == "schedule complete"
    assert played.fits()[:3] == ["a0", "b0", "c0"]
    assert played.fits()[-3:] == ["c1", "c2", "c3"]


def test_where_no_model_can_be_better_only_its_members_are_made_whole(stage):
    played = stage(script={"a": [1] * 4, "b": [0] * 4, "c": [2] * 4}, limit_s=100.0)
    assert played.run() == "nothing more to gain"
    assert played.fits() == ["a0", "b0", "c0", "b1", "b2", "b3"]
    assert played.saved() == {"b": (1.0, ALL)}


def test_one_fold_that_was_all_right_ends_nothing_when_the_next_one_is_not(stage):
    played = stage(script={"a": [1] * 4, "b": [0, 3, 3, 3]}, limit_s=100.0)
    assert played.run() == "schedule complete"
    assert played.saved() == {"a": (1.0, ALL)}


def test_under_a_trial_budget_all_trials_are_fitted_even_if_one_is_perfect(stage):
    played = stage(script={"a": [0] * 4, "b": [1] * 4})
    assert played.run() == "schedule complete"
    assert len(played.fits()) == 8


# --- a continuation -----------------------------------------------------------------------------------------------------


def test_more_time_never_makes_the_model_worse_however_often_a_run_is_continued(stage, tmp_path):
    """Each continuation begins anew what the clock had cut short; the third one has bad luck with all of its fits."""
    scores = []
    for error in (5.0, 1.0, 9.0, 9.0):
        played = stage(
            script={"a": [error] * 4}, folder=tmp_path / "run", limit_s=100.0, by_id=True, continues=bool(scores)
        )
        played.cuts = lambda order: order.fold == 0
        played.run()
        scores.append(read_head(played.store.incumbent())["score"])
    assert scores[1] < scores[0]
    assert scores[2:] == [scores[1]] * 2


def test_a_continuation_fits_what_was_cut_short_and_what_is_missing_and_nothing_else(stage, tmp_path):
    script = {"a": [2.0] * 4, "b": [3.0] * 4}
    first = stage(script=script, folder=tmp_path / "run", limit_s=6.0, by_id=True)
    first.cuts = lambda order: order.options["name"] == "a" and order.fold == 1
    first.run()
    there = {(record.trial, record.fold) for record in first.store.finished() if not record.truncated}
    second = stage(script=script, folder=tmp_path / "run", limit_s=100.0, by_id=True, continues=True)
    assert second.run() == "schedule complete"
    fitted = sorted((order.options["name"], order.fold) for order in second.orders)
    assert ("a", 1) in fitted
    assert len(fitted) == 8 - len(there)
    assert read_head(second.store.incumbent())["score"] == 2.0


def test_what_more_time_would_buy_is_told_once_a_barrier_and_at_the_end(stage):
    played = stage(script={"a": [1] * 4}, limit_s=100.0)
    played.run()
    assert len(played.of(Outlook)) == N_FOLDS + 1


# --- resuming -------------------------------------------------------------------------------------------------------

SCRIPT = {"a": [1, 6, 1, 3], "b": [-2, 2, -3, 2], "c": [4, -1, 2, -6]}


@pytest.mark.parametrize("cut_after", range(12))
def test_wherever_a_run_is_cut_off_it_goes_on_to_the_same_end_and_fits_nothing_twice(stage, tmp_path, cut_after):
    whole = stage(script=SCRIPT, ensemble=True, folder=tmp_path / "whole")
    whole.run()
    first = stage(script=SCRIPT, ensemble=True, cut_after=cut_after)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = stage(script=SCRIPT, ensemble=True)
    assert second.run() == "schedule complete"
    assert second.fits() == whole.fits()[cut_after:]
    assert second.saved() == whole.saved()
    assert sum(event.restored for event in second.of(FoldFinished)) == cut_after
    assert read_head(second.store.incumbent())["score"] == read_head(whole.store.incumbent())["score"]


def test_a_run_that_had_ended_fits_nothing_and_keeps_its_model(stage):
    first = stage(script=SCRIPT, ensemble=True)
    first.run()
    before = first.store.incumbent()
    second = stage(script=SCRIPT, ensemble=True)
    assert second.run() == "schedule complete"
    assert second.fits() == []
    assert second.store.incumbent() == before
    assert second.playing.leaderboard() == first.playing.leaderboard()


def test_folds_of_a_trial_that_is_no_longer_wanted_are_left_alone(stage):
    stage(script={"a": [1] * 4, "b": [2] * 4}).run()
    second = stage(script={"b": [2] * 4, "c": [3] * 4})
    assert second.run() == "schedule complete"
    assert second.fits() == ["c0", "c1", "c2", "c3"]
    assert len(second.store.finished()) == 12


def test_a_run_with_no_time_left_ends_with_what_an_earlier_attempt_finished(stage):
    first = stage(script=SCRIPT, cut_after=5)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    second = stage(script=SCRIPT, limit_s=0.1)
    assert second.run() == "time limit"
    assert second.fits() == []
    assert second.saved() == first.saved()


# --- models of all rows -----------------------------------------------------------------------------------------------


def refitted(stage, **given):
    """A stage whose preset serves models of all rows; a trial's last fit is that one."""
    return stage(preset="high_quality", **given)


def test_the_members_are_fitted_once_more_on_all_rows_and_served_in_place_of_their_folds(stage):
    played = refitted(stage, script={"a": [1] * 5, "b": [2] * 5})
    assert played.run() == "schedule complete"
    assert played.fits() == ["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3", "a4"]
    assert played.saved() == {"a": (1.0, [N_FOLDS])}
    files = read_head(played.store.incumbent())["files"]
    assert {name for name in files if name.startswith("models/")} == {"models/a/fold-4/model.txt"}


def test_a_model_of_all_rows_has_the_score_of_its_folds(stage):
    played = refitted(stage, script={"a": [1, 2, 1, 2, 99]})
    played.run()
    assert read_head(played.store.incumbent())["score"] == 1.5
    assert [(row.name, row.score, row.folds) for row in played.playing.leaderboard()] == [("A", 1.5, N_FOLDS)]
    assert [event.fold for event in played.of(FoldFinished)] == ALL


def test_where_the_clock_cuts_a_model_of_all_rows_short_the_fold_models_are_served(stage):
    played = refitted(stage, script={"a": [1] * 5}, limit_s=60.0)
    played.cuts = lambda order: order.fold == N_FOLDS
    played.run()
    assert played.saved() == {"a": (1.0, ALL)}
    assert "not fitted once more on all rows" in played.of(Warned)[-1].message


@pytest.mark.parametrize("said", [{"failed": "all rows are odd"}, {"lost": "a crash"}])
def test_a_member_that_cannot_be_fitted_on_all_rows_is_served_by_its_folds(stage, said):
    played = refitted(stage, script={"a": [*[1] * 4, [dict(said) for _ in range(3)]], "b": [2] * 5})
    played.run()
    assert played.saved() == {"a": (1.0, ALL)}
    assert "A" in [row.name for row in played.playing.leaderboard() if row.rank == 1]


def test_a_model_of_fewer_rows_than_a_folds_is_not_served(stage):
    """Memory had room for half of the rows: that is no model of all rows."""
    played = refitted(stage, script={"a": [1] * 5})
    played.n_rows = lambda order: 5 if order.fold == N_FOLDS else 9
    played.run()
    assert played.saved() == {"a": (1.0, ALL)}


def test_a_model_of_all_rows_takes_the_place_of_the_model_of_one_fold(stage):
    """Both are one model with one score: what was saved is known by what it is made of."""
    played = refitted(stage, script={"a": [1] * 5}, limit_s=19.0)
    played.lasts = lambda order: 5.0
    played.run()
    assert played.fits() == ["a0", "a4"]
    assert played.saved() == {"a": (1.0, [N_FOLDS])}


def test_a_model_of_all_rows_that_was_cut_short_is_fitted_anew_when_the_run_goes_on(stage, tmp_path):
    first = refitted(stage, script={"a": [1] * 5}, limit_s=60.0, folder=tmp_path / "r")
    first.cuts = lambda order: order.fold == N_FOLDS
    first.run()
    assert first.saved() == {"a": (1.0, ALL)}
    later = refitted(stage, script={"a": [1] * 5}, limit_s=60.0, folder=tmp_path / "r", continues=True)
    later.run()
    assert later.fits() == ["a4"]
    assert later.saved() == {"a": (1.0, [N_FOLDS])}


def test_what_answers_says_how_long_it_takes(stage):
    played = refitted(stage, script={"a": [1] * 5, "b": [2] * 5})
    played.run()
    served, other = played.playing.leaderboard()
    assert (served.name, served.predict_s) == ("A", 0.1)
    assert (other.name, other.predict_s) == ("B", pytest.approx(0.4))


def test_time_is_kept_for_the_models_of_all_rows(stage):
    """Eight folds of 6 s leave 12 s of 60: enough for one of 9 s, which was kept."""
    played = refitted(stage, script={"a": [1] * 5, "b": [2] * 5}, limit_s=60.0)
    played.lasts = lambda order: 9.0 if order.fold == N_FOLDS else 6.0
    assert played.run() == "time limit"
    assert played.fits()[-1] == "a4"
    assert played.saved() == {"a": (1.0, [N_FOLDS])}
    assert played.at <= 1060.0


def test_who_asks_to_finish_does_not_wait_for_models_of_all_rows(stage):
    played = refitted(stage, script={"a": [1] * 5})
    played.after(lambda event: isinstance(event, FoldFinished) and event.fold == 1)
    assert played.run() == "finish requested"
    assert played.saved() == {"a": (1.0, [0, 1])}


def test_a_race_that_was_cut_off_fits_no_model_of_all_rows_twice(stage, tmp_path):
    script = {"a": [1] * 5, "b": [2] * 5}
    with pytest.raises(KeyboardInterrupt):
        refitted(stage, script=script, folder=tmp_path / "r", cut_after=8).run()
    resumed = refitted(stage, script=script, folder=tmp_path / "r")
    resumed.run()
    assert resumed.fits() == ["a4"]
    again = refitted(stage, script=script, folder=tmp_path / "r")
    again.run()
    assert again.fits() == []
    assert again.saved() == resumed.saved() == {"a": (1.0, [N_FOLDS])}


def test_the_preset_for_speed_serves_one_trial(stage):
    played = stage(preset="fast", script={"a": [1, -1, 1, -1, 0], "b": [-1, 1, -1, 1, 0]}, ensemble=True)
    played.run()
    assert list(played.saved().values()) == [(1.0, [N_FOLDS])]
