from __future__ import annotations

import time

from athanor.core.ids import new_id


def test_an_id_is_a_uuid_of_version_7():
    made = new_id()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_an_id_begins_with_the_milliseconds_of_its_making():
    before = time.time_ns() // 1_000_000
    milliseconds = new_id().int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_ids_sort_by_the_time_they_were_made(monkeypatch):
    start = 1_700_000_000_000_000_000
    made = []
    for after_ns in (0, 500, 1_000, 400_000, 999_999, 1_000_000, 10**9, 10**15):
        monkeypatch.setattr(time, "time_ns", lambda at=start + after_ns: at)
        made.append(new_id())
    assert sorted(made) == made
    assert sorted(made, key=str) == made


def test_ids_made_at_the_same_instant_differ(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    assert len({new_id() for _ in range(1000)}) == 1000
