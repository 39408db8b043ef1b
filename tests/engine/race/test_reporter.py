"""What a race tells, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from athanor.engine.budget import Budget
from athanor.engine.events import FoldFinished, IncumbentChanged, Outlook, Progressed, TrialFailed, Warned
from athanor.engine.fitting.checkpoint import FoldRecord
from athanor.engine.race.reporter import TOLD_S, Reporter
from athanor.engine.schedule import Entry

N_FOLDS = 3
ENTRIES = {name: Entry(trial=name, family="linear", label=name.upper(), options={}) for name in "abc"}


def a_record(trial="a", fold=0, **changes):
    given = {"score": 0.9, "fit_s": 2.0, "predict_s": 0.1, "n_features": 4, "truncated": False, "files": {}}
    return FoldRecord(trial=trial, family="linear", view="codes", fold=fold, **(given | changes))


@dataclass
class Scene:
    """A reporter with a clock that is moved by hand."""

    limit_s: float | None = 60.0
    at: float = 100.0
    heard: list = field(default_factory=list)
    used: tuple = (0, None)

    def __post_init__(self):
        deadline = float("inf") if self.limit_s is None else self.at + self.limit_s
        self.clock = Budget(deadline, lambda: self.at)
        self.records = {}
        standings = SimpleNamespace(
            entries=ENTRIES, records=self.records, n_folds=N_FOLDS, n_common=lambda _: 1,
            given=SimpleNamespace(metric=SimpleNamespace(name="roc_auc")),
        )  # fmt: skip
        self.reporter = Reporter(standings, self.clock, self.heard.append, memory=lambda: self.used)

    def finish(self, trial, *folds, **changes):
        for fold in folds:
            self.records[trial, fold] = a_record(trial, fold, **changes)

    def last(self, kind):
        return [event for event in self.heard if isinstance(event, kind)][-1]

    def outlook(self, **given):
        self.reporter.outlook(ENTRIES.values(), **given)
        return self.last(Outlook)


@pytest.fixture
def scene():
    return Scene()


def test_a_fold_is_told_with_its_learning_curve_and_whether_it_was_cut(scene):
    scene.reporter.fold(a_record(curve=((1, 0.7), (2, 0.5)), truncated=True), restored=True)
    told = scene.last(FoldFinished)
    assert (told.label, told.curve, told.truncated, told.restored) == ("A", ((1, 0.7), (2, 0.5)), True, True)


def test_progress_is_told_with_the_memory_of_all_processes(scene):
    scene.used = (3, 10)
    scene.reporter.progress("fold 1 of 3")
    told = scene.last(Progressed)
    assert (told.memory_bytes, told.memory_limit) == (3, 10)


def test_where_nobody_watches_the_memory_none_is_told(scene):
    Reporter(scene.reporter.standings, scene.clock, scene.heard.append).progress("fold 1 of 3")
    assert (scene.heard[0].memory_bytes, scene.heard[0].memory_limit) == (0, None)


def test_progress_is_told_at_most_twice_a_second_and_at_the_end_in_any_case(scene):
    for _ in range(10):
        scene.reporter.progress("fold 1 of 3")
        scene.at += TOLD_S / 5
    assert len(scene.heard) == 2
    scene.reporter.progress("finished", fraction=1.0)
    assert scene.last(Progressed).fraction == 1.0


def test_a_warning_and_a_failure_are_told_as_they_are(scene):
    scene.reporter.warn("Careful.")
    scene.reporter.failure(ENTRIES["b"], "too odd")
    assert scene.heard == [
        Warned(message="Careful."),
        TrialFailed(trial="b", family="linear", label="B", reason="too odd"),
    ]


@pytest.mark.parametrize(("gain", "told"), [(0.1, 0.1), (None, None), (float("nan"), None), (float("inf"), None)])
def test_a_model_on_disk_is_told_with_its_gain_where_that_is_a_number(scene, gain, told):
    scene.at += 4
    scene.reporter.saved({"a": 1.0}, None, gain=gain)
    assert (scene.last(IncumbentChanged).elapsed_s, scene.last(IncumbentChanged).gain) == (4.0, told)


# --- what more time would buy -----------------------------------------------------------------------------------------


def test_folds_that_are_missing_are_left_and_take_as_long_as_those_before(scene):
    scene.finish("a", 0, 1, 2)
    scene.finish("b", 0, 1, fit_s=4.0)
    scene.finish("c", 0, fit_s=6.0)
    told = scene.outlook(workers=1)
    assert (told.trials, told.trials_left, told.folds_left, told.needed_s) == (3, 2, 3, 16.0)
    assert told.message == "2 of 3 trials are unfinished, about 16 s to go."


def test_folds_that_the_clock_cut_are_left_too(scene):
    for trial in "abc":
        scene.finish(trial, 0, 1, 2)
    scene.finish("c", 2, truncated=True, fit_s=9.0)
    told = scene.outlook()
    assert (told.trials_left, told.folds_left, told.needed_s) == (1, 1, 2.0)


def test_a_trial_of_cut_folds_alone_says_only_what_is_needed_at_least(scene):
    scene.finish("a", 0, 1, 2, truncated=True)
    scene.reporter.failure(ENTRIES["b"], "too odd")
    scene.reporter.failure(ENTRIES["c"], "too odd")
    scene.at += 60
    assert scene.outlook().message == "More time: 1 of 1 trial is unfinished (6 s or more)."


def test_a_trial_that_was_given_up_is_not_waited_for(scene):
    scene.finish("a", 0, 1, 2)
    scene.finish("b", 0, 1, 2)
    scene.reporter.failure(ENTRIES["c"], "too odd")
    assert scene.outlook().message == "The schedule is complete: more time alone would buy nothing."


def test_the_gain_of_the_models_since_half_time_is_told(scene):
    scene.finish("a", 0)
    scene.reporter.saved({"a": 1.0}, 0.8)
    scene.at += 30
    scene.reporter.saved({"a": 1.0}, 0.9, gain=0.05)
    scene.at += 20
    assert scene.outlook().gained == 0.05
    scene.at += 20
    assert scene.outlook().gained == 0.0


def test_without_a_time_limit_the_schedule_goes_on_to_its_end_unless_somebody_asks_to_finish():
    scene = Scene(limit_s=None)
    scene.finish("a", 0, 1)
    assert scene.outlook().message.endswith("to go.")
    scene.clock.finish()
    assert scene.outlook().message.startswith("More time: ")
