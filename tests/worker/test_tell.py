"""What a run tells, as the platform keeps it: in batches, in words, with the job's token."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import get_args

import pytest

from athanor.core.event import EventKind
from athanor.engine import events
from athanor.engine.events import (
    FeaturesMade,
    Finished,
    FoldFinished,
    IncumbentChanged,
    LeaderboardChanged,
    LeaderboardRow,
    Outlook,
    Progressed,
    Started,
    TrialFailed,
    TrialFinished,
    Warned,
)
from athanor.errors import Unavailable
from athanor.services.execution import LeaseLost
from athanor.worker import tell as telling
from athanor.worker.tell import PROGRESS_S, WRITE_S, Teller

NOW = datetime(2030, 1, 1, tzinfo=UTC)
JOB = SimpleNamespace(id="a job", attempt=1)
NAN = float("nan")
ROW = LeaderboardRow(
    rank=1, name="Linear", family="linear", score=None, fit_s=1.0, predict_s=0.1, folds=1, n_folds=3, trial="t"
)
EVENTS = {
    Started: Started(problem="binary", metric="f1", n_rows=9, n_features=2, n_folds=3, time_limit_s=None),
    FeaturesMade: FeaturesMade(n_features=5),
    FoldFinished: FoldFinished(
        trial="t",
        family="linear",
        label="Linear",
        fold=0,
        n_folds=3,
        score=NAN,
        fit_s=1.0,
        curve=((1, 0.7), (2, NAN), (3, 0.51234567)),
    ),
    TrialFinished: TrialFinished(trial="t", family="linear", label="Linear", score=0.87654, fit_s=3.0),
    TrialFailed: TrialFailed(trial="t", family="linear", label="Linear", reason="too odd"),
    IncumbentChanged: IncumbentChanged(score=0.87654, members=2, folds=3, n_folds=10, elapsed_s=4.25),
    LeaderboardChanged: LeaderboardChanged(rows=(ROW,)),
    Progressed: Progressed(
        fraction=0.25, elapsed_s=5.0, left_s=None, doing="fold 1 of 3", memory_bytes=2**20, memory_limit=2**30
    ),
    Outlook: Outlook(
        trials=8, trials_left=3, folds_left=4, needed_s=40.0, gained=0.01, gained_s=5.0, message="More time: 3 of 8."
    ),
    Warned: Warned(message="mind the gap"),
    Finished: Finished(reason="time limit", metric="f1", score=0.87654, elapsed_s=9.0),
}


@dataclass
class Kept:
    """An execution that notes what it is to keep, batch by batch."""

    batches: list = field(default_factory=list)
    resolved: list = field(default_factory=list)
    is_lost: bool = False
    is_busy: bool = False

    def tell(self, job, told, *, progress=None):
        assert job is JOB
        if self.is_lost:
            raise LeaseLost
        if self.is_busy:
            raise Unavailable("busy")
        self.batches.append((list(told), progress))

    def resolve(self, job, *, problem, metric):
        assert job is JOB
        self.resolved.append((problem, metric))

    @property
    def events(self):
        return [(kind, payload) for batch, _ in self.batches for _, kind, payload in batch]

    @property
    def lines(self):
        return [(payload["level"], payload["message"]) for kind, payload in self.events if kind is EventKind.LINE]


@pytest.fixture
def clock(monkeypatch):
    """A monotonic clock that stands still until it is moved."""
    made = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(telling, "time", SimpleNamespace(monotonic=lambda: made.at))
    return made


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def teller(kept, clock):
    return Teller(kept, JOB, lambda: NOW)


def say(teller, clock, *told):
    """Each one at a moment of its own, so that nothing waits."""
    for event in told:
        clock.at += 10
        teller(event)


def test_everything_that_the_engine_tells_is_understood_and_fits_into_json(teller, clock, kept):
    assert set(EVENTS) == set(get_args(events.Event))
    say(teller, clock, *EVENTS.values())
    for _, payload in kept.events:
        json.dumps(payload, allow_nan=False)


def test_something_unknown_is_a_mistake_of_ours(teller):
    with pytest.raises(TypeError, match="Nobody said how to keep a str"):
        teller("hello")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Started, ("info", "AutoML job started - problem type: binary")),
        (FeaturesMade, ("info", "Feature engineering completed - 5 features generated")),
        (TrialFinished, ("info", "Model training: Linear completed - f1: 0.8765")),
        (TrialFailed, ("warning", "Model training: Linear failed - too odd")),
        (IncumbentChanged, ("info", "Best model saved - f1: 0.8765 (2 models, 3 of 10 folds, 4.2 s)")),
        (Warned, ("warning", "mind the gap")),
        (Finished, ("info", "AutoML job completed - f1: 0.8765 (time limit)")),
    ],
)
def test_people_read_lines(teller, clock, kept, kind, said):
    say(teller, clock, EVENTS[Started], EVENTS[kind])
    assert kept.lines[-1] == said


def test_the_start_resolves_the_task(teller, clock, kept):
    say(teller, clock, EVENTS[Started])
    assert kept.resolved == [("binary", "f1")]
    assert kept.events[0][0] is EventKind.STARTED
    assert kept.events[0][1]["n_rows"] == 9


def test_a_fold_keeps_its_score_or_none(teller, clock, kept):
    say(teller, clock, EVENTS[FoldFinished])
    (kind, payload), _ = kept.events
    assert (kind, payload["score"], payload["fold"], payload["restored"]) == (EventKind.FOLD, None, 0, False)
    assert "curve" not in payload


def test_the_learning_curve_of_a_fold_is_an_event_of_its_own(teller, clock, kept):
    say(teller, clock, EVENTS[FoldFinished])
    assert kept.events[1] == (
        EventKind.CURVE,
        {"trial": "t", "label": "Linear", "fold": 0, "points": [[1, 0.7], [3, 0.512346]]},
    )


def test_a_fold_without_a_learning_curve_has_none(teller, clock, kept):
    say(teller, clock, replace(EVENTS[FoldFinished], curve=()))
    assert [kind for kind, _ in kept.events] == [EventKind.FOLD]


@pytest.mark.parametrize(("attempt", "kinds"), [(1, [EventKind.FOLD, EventKind.CURVE]), (2, [EventKind.FOLD])])
def test_the_curve_of_a_fold_that_an_earlier_attempt_of_the_job_fitted_is_there_already(kept, clock, attempt, kinds):
    job = SimpleNamespace(id="a job", attempt=attempt)
    teller = Teller(SimpleNamespace(tell=lambda _, *told, **how: kept.tell(JOB, *told, **how)), job, lambda: NOW)
    say(teller, clock, replace(EVENTS[FoldFinished], restored=True))
    assert [kind for kind, _ in kept.events] == kinds


def test_a_model_on_disk_is_told_in_words_and_in_numbers(teller, clock, kept):
    say(teller, clock, replace(EVENTS[IncumbentChanged], score=NAN, gain=0.01))
    assert [kind for kind, _ in kept.events] == [EventKind.LINE, EventKind.INCUMBENT]
    assert kept.events[1][1] == {
        "score": None, "members": 2, "folds": 3, "n_folds": 10, "elapsed_s": 4.25, "gain": 0.01
    }  # fmt: skip


def test_what_more_time_would_buy_is_kept_each_time_and_said_in_words_at_the_end(teller, clock, kept):
    say(teller, clock, EVENTS[Started], EVENTS[Outlook])
    assert kept.events[-1] == (EventKind.OUTLOOK, asdict(EVENTS[Outlook]))
    assert not any(message.startswith("More time") for _, message in kept.lines)
    say(teller, clock, EVENTS[Finished])
    assert kept.lines[-2:] == [
        ("info", "More time: 3 of 8."),
        ("info", "AutoML job completed - f1: 0.8765 (time limit)"),
    ]


def test_the_leaderboard_is_kept_whole(teller, clock, kept):
    say(teller, clock, EVENTS[LeaderboardChanged])
    ((kind, payload),) = kept.events
    assert kind is EventKind.LEADERBOARD
    assert [LeaderboardRow(**row) for row in payload["rows"]] == [ROW]


# --- batches --------------------------------------------------------------------------------------------------------


def test_what_comes_fast_is_written_together(teller, clock, kept):
    teller(EVENTS[Warned])
    assert len(kept.batches) == 1
    for _ in range(5):
        clock.at += WRITE_S / 10
        teller(EVENTS[Warned])
    assert len(kept.batches) == 1
    clock.at += WRITE_S
    teller(EVENTS[Warned])
    assert [len(batch) for batch, _ in kept.batches] == [1, 6]


def test_at_most_four_batches_a_second(teller, clock, kept):
    for _ in range(100):
        clock.at += 0.01
        teller(EVENTS[Warned])
    assert 3 <= len(kept.batches) <= 5


def test_what_waits_is_written_when_it_is_flushed_and_once_only(teller, kept):
    teller(EVENTS[Warned])
    teller(EVENTS[Warned])
    teller.flush()
    teller.flush()
    assert [len(batch) for batch, _ in kept.batches] == [1, 1]


def test_events_carry_the_time_at_which_they_were_told(teller, kept):
    teller(EVENTS[Warned])
    assert kept.batches[0][0][0][0] == NOW


def test_progress_is_kept_every_other_second_and_moves_the_job_each_time(teller, clock, kept):
    for step in range(1, 9):
        clock.at += PROGRESS_S / 4
        teller(Progressed(fraction=step / 10, elapsed_s=1.0, left_s=2.0, doing="fold 1 of 3"))
    assert [progress for _, progress in kept.batches] == [step / 10 for step in range(1, 9)]
    assert len(kept.events) == 2


def test_the_end_of_the_progress_is_kept_whenever_it_comes(teller, clock, kept):
    teller(EVENTS[Progressed])
    clock.at += WRITE_S
    teller(replace(EVENTS[Progressed], fraction=1.0, doing="finished"))
    assert [payload["doing"] for _, payload in kept.events] == ["fold 1 of 3", "finished"]


def test_progress_is_kept_with_the_memory(teller, kept):
    teller(EVENTS[Progressed])
    assert (kept.events[0][1]["memory_bytes"], kept.events[0][1]["memory_limit"]) == (2**20, 2**30)


def test_progress_without_events_is_written_too(teller, clock, kept):
    teller(EVENTS[Progressed])
    clock.at += WRITE_S
    teller(EVENTS[Progressed])
    assert kept.batches[1] == ([], 0.25)


def test_what_a_busy_store_does_not_take_is_written_with_what_comes_next(teller, clock, kept):
    kept.is_busy = True
    say(teller, clock, EVENTS[Warned], EVENTS[Warned])
    with pytest.raises(Unavailable):
        teller.flush()
    kept.is_busy = False
    say(teller, clock, EVENTS[Progressed])
    assert [(len(batch), progress) for batch, progress in kept.batches] == [(3, 0.25)]


def test_whoever_lost_the_lease_hears_so(teller, kept):
    kept.is_lost = True
    with pytest.raises(LeaseLost):
        teller(EVENTS[Warned])
