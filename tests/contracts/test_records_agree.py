"""Whatever is done to records in memory and in SQLite, both answer the same."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from athanor.backends.memory import MemoryRecords
from athanor.backends.records.sql import SqlRecords
from athanor.core.event import EventKind
from athanor.core.job import JobState, Request
from athanor.core.ports import EVERYONE
from athanor.errors import AthanorError

NUMBERS = st.integers(0, 3)  # few, so that they meet
TEXTS = st.text(alphabet="aAbB%_\\ üÜßİ", max_size=4)
STATES = st.sampled_from(JobState)
REQUESTS = st.sampled_from([None, *Request])
ERRORS = st.none() | TEXTS
KINDS = st.sampled_from(EventKind)
FIELDS = st.sampled_from(["created_at", "id", "state", "request", "error", "attempt"])


class Broken(Exception):
    """Ends a change without keeping it."""


def an_id(kind: int, number: int) -> UUID:
    return UUID(int=kind << 64 | number)


# Every operation is a tuple: what to do, to which collection, and the rest of what `perform` needs.
DATASETS = st.tuples(st.just("datasets"), NUMBERS, NUMBERS, TEXTS)
SEGMENTS = st.tuples(st.just("segments"), NUMBERS, NUMBERS, NUMBERS)
JOBS = st.tuples(st.just("jobs"), NUMBERS, STATES, REQUESTS, ERRORS, NUMBERS)
NOUNS = DATASETS | SEGMENTS | JOBS
QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "where": st.fixed_dictionaries(
            {}, optional={"state": STATES | st.lists(STATES), "request": REQUESTS | st.lists(REQUESTS), "error": ERRORS}
        ),
        "search": st.tuples(TEXTS, st.just(["error"]) | st.just(["error", "executor"])),
        "sort": FIELDS,
        "descending": st.booleans(),
        "limit": st.none() | st.integers(0, 4),
        "offset": st.integers(0, 4),
    },
)
OPERATIONS = (
    st.tuples(st.sampled_from(["add", "add", "put"]), NOUNS)
    | st.tuples(st.sampled_from(["get", "remove"]), st.sampled_from(["datasets", "segments", "jobs"]), NUMBERS)
    | st.tuples(st.just("find"), QUESTIONS)
    | st.tuples(st.just("append"), NUMBERS, st.lists(KINDS, max_size=3))
    | st.tuples(st.just("after"), NUMBERS, NUMBERS, st.none() | st.lists(KINDS), NUMBERS)
    | st.tuples(st.just("last"), NUMBERS, st.lists(KINDS), NUMBERS)
    | st.tuples(st.just("keep_newest"), NUMBERS, KINDS)
    | st.tuples(st.just("count"), NUMBERS)
    | st.tuples(st.just("forget"), NUMBERS)
)
CHANGES = st.tuples(
    st.sampled_from([0, 0, 1, "everyone"]),  # who asks
    st.sampled_from([0, 0, 1]),  # whose nouns are made
    st.lists(OPERATIONS, min_size=1, max_size=8),
    st.sampled_from([False, False, False, True]),  # broken off
)


def make(world, collection, number, *rest):
    if collection == "datasets":
        handle, name = rest
        return world.dataset(id=an_id(1, number), handle=str(handle), name=name)
    if collection == "segments":
        parent, position = rest
        return world.segment(world.dataset(id=an_id(1, parent)), id=an_id(2, number), position=position)
    state, request, error, seconds = rest
    created_at = world.now + timedelta(seconds=seconds)
    told = {"state": state, "request": request, "error": error, "created_at": created_at}
    return world.job(id=an_id(3, number), subject_id=an_id(4, 0), dataset_id=an_id(1, 0), **told)


def act(tx, world, what, *rest):
    if what in {"add", "put"}:
        return getattr(getattr(tx, rest[0][0]), what)(make(world, *rest[0]))
    if what in {"get", "remove"}:
        kind = {"datasets": 1, "segments": 2, "jobs": 3}[rest[0]]
        return getattr(getattr(tx, rest[0]), what)(an_id(kind, rest[1]))
    if what == "find":
        page = tx.jobs.find(**rest[0])
        return list(page.items), page.total
    job_id = an_id(3, rest[0])
    return {
        "append": lambda kinds: tx.events.append(job_id, [(world.now, kind, {"n": 1}) for kind in kinds]),
        "after": lambda seq, kinds, limit: tx.events.after(job_id, seq, kinds=kinds, limit=limit),
        "last": lambda kinds, limit: tx.events.last(job_id, kinds=kinds, limit=limit),
        "keep_newest": lambda kind: tx.events.keep_newest(job_id, kind),
        "count": lambda: tx.events.count(job_id),
        "forget": lambda: tx.events.remove(job_id),
    }[what](*rest[1:])


def answer(tx, world, operation):
    """What `act` gives, or the kind of error that came."""
    try:
        return act(tx, world, *operation)
    except AthanorError as error:
        return type(error)


def all_of(records):
    """Everything there is, in every order, and by some texts."""
    with records.look(EVERYONE) as tx:
        pages = [tx.datasets.find(), tx.segments.find(), tx.jobs.find()]
        pages += [
            tx.jobs.find(sort=field, descending=descending)
            for field in ("id", "state", "request", "error", "created_at")
            for descending in (False, True)
        ]
        pages += [tx.jobs.find(search=(text, ["error"])) for text in ("a", "%", "_", "\\", "Ü", "ß")]
        return [list(page.items) for page in pages], [tx.events.after(an_id(3, number)) for number in range(4)]


def do(records, worlds, change):
    who, whose, operations, is_broken_off = change
    answers = []
    with suppress(Broken), records.change(EVERYONE if who == "everyone" else worlds[who].id) as tx:
        answers.extend(answer(tx, worlds[whose], operation) for operation in operations)
        if is_broken_off:
            raise Broken
    return answers, all_of(records)


@pytest.fixture(scope="module")
def worlds(a_world):
    return [a_world(), a_world()]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.tuples(DATASETS, JOBS, JOBS, JOBS), changes=st.lists(CHANGES, min_size=1, max_size=8))
def test_both_answer_the_same(first, changes, worlds, migrated_file, tmp_path):
    file = tmp_path / "records.db"
    for left in tmp_path.glob("records.db*"):
        left.unlink()
    shutil.copy(migrated_file, file)
    both = [MemoryRecords(), SqlRecords(f"sqlite:///{file}")]
    for records in both:
        with records.change(EVERYONE) as tx:
            for world in worlds:
                tx.organizations.add(world.organization)
                tx.users.add(world.user)
                tx.projects.add(world.project)
    for change in [("everyone", 0, [("add", noun) for noun in first], False), *changes]:
        in_memory, in_sqlite = (do(records, worlds, change) for records in both)
        assert in_memory == in_sqlite
