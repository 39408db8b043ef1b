"""What every event log promises: rising numbers that are never given twice, oldest first, own jobs only."""

from __future__ import annotations

import pytest

from athanor.core.event import EventKind, JobEvent
from athanor.core.ids import new_id
from athanor.core.ports import EVERYONE
from athanor.errors import NotFound

LINE, PROGRESS, FOLD = EventKind.LINE, EventKind.PROGRESS, EventKind.FOLD


@pytest.fixture
def job(records, world):
    made = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(made)
    return made


@pytest.fixture
def told(records, world, job):
    """Six events in two batches, one second apart: line, progress, line, fold, line, progress."""
    events = [
        (world.later(number), kind, {"n": number})
        for number, kind in enumerate([LINE, PROGRESS, LINE, FOLD, LINE, PROGRESS], start=1)
    ]
    for batch in (events[:4], events[4:]):
        with records.change(EVERYONE) as tx:
            tx.events.append(job.id, batch)
    return events


def seqs(events):
    return [event.seq for event in events]


def test_events_come_back_numbered_from_1(records, world, job, told):
    with records.look(world.id) as tx:
        assert tx.events.after(job.id) == [
            JobEvent(organization_id=world.id, job_id=job.id, seq=seq, at=at, kind=kind, payload=payload)
            for seq, (at, kind, payload) in enumerate(told, start=1)
        ]


def test_after_gives_what_came_later_of_the_kinds_asked_for(records, world, job, told):
    with records.look(world.id) as tx:
        assert seqs(tx.events.after(job.id, 4)) == [5, 6]
        assert seqs(tx.events.after(job.id, 6)) == []
        assert seqs(tx.events.after(job.id, kinds=[LINE])) == [1, 3, 5]
        assert seqs(tx.events.after(job.id, 1, kinds={LINE, FOLD})) == [3, 4, 5]
        assert seqs(tx.events.after(job.id, kinds=())) == []
        assert seqs(tx.events.after(job.id, limit=2)) == [1, 2]
        assert seqs(tx.events.after(job.id, 2, limit=2)) == [3, 4]


def test_last_gives_the_newest_oldest_first(records, world, job, told):
    with records.look(world.id) as tx:
        assert seqs(tx.events.last(job.id, kinds=[PROGRESS])) == [6]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=2)) == [3, 5]
        assert seqs(tx.events.last(job.id, kinds=[LINE, FOLD], limit=100)) == [1, 3, 4, 5]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=100, since=world.later(3))) == [5]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=100, since=world.later(2.999))) == [3, 5]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=100, until=world.later(5))) == [1, 3]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=100, until=world.later(5.001))) == [1, 3, 5]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=1, until=world.later(5))) == [3]
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=9, since=world.later(1), until=world.later(5))) == [3]
        assert seqs(tx.events.last(job.id, kinds=[EventKind.LEADERBOARD])) == []
        assert seqs(tx.events.last(job.id, kinds=[LINE], limit=0)) == []


def test_a_payload_keeps_its_order_and_says_null_for_what_is_no_number(records, world, job):
    payload = {"z": [1, 2.5, None, "ü"], "a": {"x": True}, "worse": float("nan"), "worst": float("inf")}
    with records.change(world.id) as tx:
        tx.events.append(job.id, [(world.now, EventKind.LEADERBOARD, payload)])
    with records.look(world.id) as tx:
        stored = tx.events.after(job.id)[0].payload
    assert list(stored.items()) == list((payload | {"worse": None, "worst": None}).items())


def test_of_a_kind_that_is_replaced_the_newest_stays_and_no_number_comes_back(records, world, job, told):
    with records.change(EVERYONE) as tx:
        tx.events.keep_newest(job.id, LINE)
    with records.change(EVERYONE) as tx:
        assert [(event.seq, event.kind) for event in tx.events.after(job.id)] == [
            (2, PROGRESS), (4, FOLD), (5, LINE), (6, PROGRESS)
        ]  # fmt: skip
        tx.events.keep_newest(job.id, PROGRESS)
        assert seqs(tx.events.after(job.id)) == [4, 5, 6]
        tx.events.append(job.id, [(world.now, PROGRESS, {})])
        tx.events.keep_newest(job.id, PROGRESS)
        assert seqs(tx.events.after(job.id)) == [4, 5, 7]


def test_of_a_kind_that_was_never_told_there_is_nothing_to_forget(records, world, job, told):
    with records.change(world.id) as tx:
        tx.events.keep_newest(job.id, EventKind.LEADERBOARD)
        tx.events.keep_newest(new_id(), LINE)
        assert len(tx.events.after(job.id)) == 6


def test_events_are_counted_as_many_as_are_kept(records, world, job, told):
    with records.change(world.id) as tx:
        assert (tx.events.count(job.id), tx.events.count(new_id())) == (6, 0)
        tx.events.keep_newest(job.id, LINE)
        assert tx.events.count(job.id) == 4


def test_an_empty_batch_is_nothing(records, world, job):
    with records.change(world.id) as tx:
        tx.events.append(job.id, [])
        assert tx.events.after(job.id) == []


def test_the_events_of_other_jobs_stay_apart(records, world, job, told):
    other = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(other)
        tx.events.append(other.id, [(world.now, LINE, {})])
        assert seqs(tx.events.after(other.id)) == [1]
        tx.events.remove(other.id)
        assert tx.events.after(other.id) == []
        assert len(tx.events.after(job.id)) == 6


def test_events_go_with_their_job(records, world, job, told):
    with records.change(world.id) as tx:
        tx.jobs.remove(job.id)
        assert tx.events.after(job.id) == []


def test_another_organizations_events_do_not_exist(records, new_world, job, told):
    stranger = new_world()
    with records.change(stranger.id) as tx:
        assert tx.events.after(job.id) == []
        assert tx.events.last(job.id, kinds=[LINE]) == []
        assert tx.events.count(job.id) == 0
        tx.events.keep_newest(job.id, LINE)
        tx.events.remove(job.id)
        with pytest.raises(NotFound):
            tx.events.append(job.id, [(stranger.now, LINE, {})])
    with records.look(EVERYONE) as tx:
        assert len(tx.events.after(job.id)) == 6


def test_a_job_that_is_not_there_tells_nothing(records, world):
    with records.change(world.id) as tx, pytest.raises(NotFound):
        tx.events.append(new_id(), [(world.now, LINE, {})])
