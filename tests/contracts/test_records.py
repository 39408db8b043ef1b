"""What every place for records promises: nouns come back as they were, all of a change or nothing, own ones only."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from typing import get_type_hints

import pytest

from athanor.backends.records.nouns import NOUNS
from athanor.core.event import EventKind
from athanor.core.ids import new_id
from athanor.core.job import JobState, Request, advance
from athanor.core.ports import EVERYONE, Transaction
from athanor.errors import Conflict, Forbidden, InvalidInput, NotFound

BELOW_A_PROJECT = [noun.collection for noun in NOUNS if noun.collection not in {"organizations", "users", "projects"}]


@pytest.fixture
def full(records, world):
    """The world's organization with one noun of each kind: collection → noun."""
    each = dict(world.one_of_each())
    with records.change(world.id) as tx:
        for name, noun in each.items():
            getattr(tx, name).add(noun)
    return each | {"organizations": world.organization, "users": world.user, "projects": world.project}


def test_every_collection_of_the_port_has_a_noun():
    assert {noun.collection for noun in NOUNS} | {"events"} == set(get_type_hints(Transaction))


# --- nouns ---


@pytest.mark.parametrize("name", [noun.collection for noun in NOUNS])
def test_a_noun_comes_back_as_it_was(records, world, full, name):
    with records.look(world.id) as tx:
        assert getattr(tx, name).get(full[name].id) == full[name]


@pytest.mark.parametrize("name", BELOW_A_PROJECT)
def test_what_may_be_missing_comes_back_as_none(records, world, full, name):
    noun = full[name]
    optional = {field.name: None for field in fields(noun) if "None" in str(field.type)}
    changed = replace(noun, **optional)
    with records.change(world.id) as tx:
        getattr(tx, name).put(changed)
    with records.look(world.id) as tx:
        assert getattr(tx, name).get(noun.id) == changed


def test_the_order_of_a_mapping_is_kept(records, world, full):
    with records.look(world.id) as tx:
        assert list(tx.datasets.get(full["datasets"].id).labels) == ["b", "a"]
        assert list(tx.datasets.get(full["datasets"].id).origin.body) == ["z", "a"]


@pytest.mark.parametrize("label", ["1", 1, 1.0, True])
def test_a_label_keeps_its_type(records, world, label):
    run = world.run()
    run = replace(run, task=replace(run.task, positive=label))
    with records.change(world.id) as tx:
        tx.runs.add(run)
        stored = tx.runs.get(run.id).task.positive
    assert (stored, type(stored)) == (label, type(label))


def test_what_is_changed_after_it_was_added_is_not_what_was_added(records, world):
    labels = {"a": "1"}
    dataset = world.dataset(labels=labels)
    with records.change(world.id) as tx:
        tx.datasets.add(dataset)
    labels["a"] = "2"
    with records.look(world.id) as tx:
        assert tx.datasets.get(dataset.id).labels == {"a": "1"}


def test_a_time_of_another_zone_comes_back_as_the_same_moment_in_utc(records, world):
    moment = datetime(2026, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    job = world.job(created_at=moment)
    with records.change(world.id) as tx:
        tx.jobs.add(job)
        stored = tx.jobs.get(job.id).created_at
        assert tx.jobs.find({"created_at": moment}).total == 1
    assert stored == moment
    assert stored.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused(records, world):
    with records.change(world.id) as tx, pytest.raises(ValueError, match="time zone"):
        tx.jobs.add(world.job(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001


@pytest.mark.parametrize(
    "changes", [{"error": "a\0b"}, {"error": "\ud800"}, {"peak_memory": 2**63}, {"progress": float("nan")}]
)
def test_what_no_database_can_hold_is_invalid_input(records, world, changes):
    with records.change(world.id) as tx:
        with pytest.raises(InvalidInput, match=next(iter(changes))):
            tx.jobs.add(world.job(**changes))
        assert tx.jobs.find().total == 0


def test_text_of_all_languages_comes_back(records, world):
    job = world.job(error="Zürich 東京 🜍 'quoted' \"twice\" \\ % _\n\t")
    with records.change(world.id) as tx:
        tx.jobs.add(job)
        assert tx.jobs.get(job.id) == job


# --- add, put, remove ---


@pytest.mark.parametrize("name", [noun.collection for noun in NOUNS])
def test_an_id_is_taken_once(records, full, name):
    with records.change(EVERYONE) as tx, pytest.raises(Conflict):
        getattr(tx, name).add(full[name])


UNIQUE = [(noun.collection, names) for noun in NOUNS for names in noun.unique]


@pytest.mark.parametrize(("name", "names"), UNIQUE, ids=[f"{name}-{'-'.join(names)}" for name, names in UNIQUE])
def test_what_must_be_unique_is_taken_once(records, world, full, name, names):
    other = {
        "projects": world.another_project(),
        "datasets": world.dataset(),
        "segments": world.segment(full["datasets"], position=5),
        "versions": world.version(full["datasets"], number=5),
        "runs": world.run(),
        "aliases": world.alias(),
        "registered": world.registered(),
        "model_versions": world.model_version(full["registered"], number=5),
    }[name]
    same = replace(other, **{field: getattr(full[name], field) for field in names})
    with records.change(world.id) as tx:
        collection = getattr(tx, name)
        with pytest.raises(Conflict):
            collection.add(same)
        collection.add(other)  # the change goes on
        with pytest.raises(Conflict):
            collection.put(same)
    with records.look(world.id) as tx:
        assert getattr(tx, name).get(other.id) == other


def test_two_organizations_may_use_the_same_handle(records, new_world):
    for world in (new_world(), new_world()):
        with records.change(world.id) as tx:
            tx.datasets.add(world.dataset(handle="houses"))
            tx.registered.add(world.registered(handle="houses"))


@pytest.mark.parametrize("name", BELOW_A_PROJECT)
def test_what_is_not_there_cannot_be_got_put_or_removed(records, world, full, name):
    stranger = replace(full[name], id=new_id())
    with records.change(world.id) as tx:
        collection = getattr(tx, name)
        for act in (lambda: collection.get(stranger.id), lambda: collection.remove(stranger.id)):
            with pytest.raises(NotFound, match=str(stranger.id)):
                act()
        with pytest.raises(NotFound, match=str(stranger.id)):
            collection.put(stranger)


def test_a_removed_noun_is_gone_and_its_names_are_free(records, world):
    dataset = world.dataset(handle="houses")
    with records.change(world.id) as tx:
        tx.datasets.add(dataset)
        tx.datasets.remove(dataset.id)
        tx.datasets.add(world.dataset(handle="houses"))
    with records.look(world.id) as tx, pytest.raises(NotFound):
        tx.datasets.get(dataset.id)


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("users", "keys"),
        ("users", "aliases"),
        ("projects", "datasets"),
        ("datasets", "segments"),
        ("datasets", "versions"),
        ("runs", "models"),
        ("registered", "model_versions"),
        ("model_versions", "deployments"),
        ("organizations", "audit"),
    ],
)
def test_what_something_stands_under_cannot_be_removed(records, full, parent, child):
    with records.change(EVERYONE) as tx:
        with pytest.raises(Conflict):
            getattr(tx, parent).remove(full[parent].id)
        assert getattr(tx, parent).get(full[parent].id) == full[parent]
        assert getattr(tx, child).get(full[child].id) == full[child]


def test_a_run_goes_without_the_versions_registered_from_it(records, world, full):
    with records.change(world.id) as tx:
        tx.models.remove(full["models"].id)
        tx.runs.remove(full["runs"].id)
    with records.look(world.id) as tx:
        assert tx.model_versions.get(full["model_versions"].id) == full["model_versions"]


def test_a_part_needs_what_it_belongs_to(records, world):
    with records.change(world.id) as tx:
        with pytest.raises(Conflict):
            tx.segments.add(world.segment(world.dataset()))
        with pytest.raises(Conflict):
            tx.models.add(world.model(world.run()))


# --- transactions ---


def test_nothing_is_kept_of_a_change_that_fails(records, world):
    job = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(job)

    def break_off():
        with records.change(world.id) as tx:
            tx.jobs.put(replace(job, error="half"))
            tx.jobs.add(world.job())
            tx.datasets.add(world.dataset())
            tx.events.append(job.id, [(world.now, EventKind.LINE, {})])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    with records.look(world.id) as tx:
        assert tx.jobs.find().items == [job]
        assert tx.datasets.find().total == 0
        assert tx.events.after(job.id) == []


def test_a_change_sees_itself_and_nobody_else_sees_it_before_its_end(records, world):
    job = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(job)
        assert tx.jobs.get(job.id) == job
        with records.look(world.id) as other:
            assert other.jobs.find().total == 0
    with records.look(world.id) as tx:
        assert tx.jobs.get(job.id) == job


def test_a_look_sees_one_state_whatever_is_changed_meanwhile(records, world):
    job = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(job)
    with records.look(world.id) as look:
        before = look.jobs.find().items
        with records.change(world.id) as tx:
            tx.jobs.put(replace(job, error="changed"))
            tx.datasets.add(world.dataset())
        assert look.jobs.find().items == before
        assert look.datasets.find().total == 0


def test_a_look_changes_and_locks_nothing(records, world, full):
    job = full["jobs"]
    with records.look(world.id) as tx:
        for act in (
            lambda: tx.jobs.add(world.job()),
            lambda: tx.jobs.put(job),
            lambda: tx.jobs.remove(job.id),
            lambda: tx.jobs.get(job.id, lock=True),
            lambda: tx.jobs.find(lock=True),
            lambda: tx.events.append(job.id, [(world.now, EventKind.LINE, {})]),
            lambda: tx.events.remove(job.id),
        ):
            with pytest.raises(RuntimeError, match="use `change`"):
                act()


def test_changes_of_many_threads_lose_nothing(records, world):
    job = world.job()
    with records.change(world.id) as tx:
        tx.jobs.add(job)

    def count() -> None:
        for _ in range(10):
            with records.change(world.id) as tx:
                seen = tx.jobs.get(job.id, lock=True)
                tx.jobs.put(replace(seen, attempt=seen.attempt + 1))

    run_threads(count, 4)
    with records.look(world.id) as tx:
        assert tx.jobs.get(job.id).attempt == 40


def test_every_queued_job_is_taken_exactly_once(records, world):
    jobs = [world.job(created_at=world.later(number)) for number in range(30)]
    with records.change(world.id) as tx:
        for job in jobs:
            tx.jobs.add(job)
    taken = []

    def claim() -> None:
        while True:
            with records.change(EVERYONE) as tx:
                found = tx.jobs.find({"state": JobState.QUEUED}, limit=1, lock=True).items
                for job in found:
                    tx.jobs.put(advance(job, JobState.RUNNING, now=world.now))
            taken.extend(job.id for job in found)
            if not found:
                return

    run_threads(claim, 4)
    assert sorted(taken) == sorted(job.id for job in jobs)


def run_threads(target, count):
    failures = []

    def guarded() -> None:
        try:
            target()
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# --- whose ---


@pytest.mark.parametrize("name", [noun.collection for noun in NOUNS])
def test_another_organizations_nouns_do_not_exist(records, new_world, full, name):
    stranger = new_world()
    noun = full[name]
    with records.change(stranger.id) as tx:
        collection = getattr(tx, name)
        with pytest.raises(NotFound):
            collection.get(noun.id)
        with pytest.raises(NotFound):
            collection.remove(noun.id)
        assert noun not in collection.find(sort="id").items
        assert noun.id not in [item.id for item in collection.find({"id": noun.id}, sort="id").items]
        with pytest.raises(Forbidden):
            collection.put(noun)
        with pytest.raises(Forbidden):
            collection.add(noun)
    with records.look(EVERYONE) as tx:
        assert getattr(tx, name).get(noun.id) == noun


@pytest.mark.parametrize("name", BELOW_A_PROJECT)
def test_a_noun_cannot_be_taken_over(records, new_world, full, name):
    stranger = new_world()
    stolen = replace(full[name], organization_id=stranger.id)
    for whose in (stranger.id, EVERYONE):
        with records.change(whose) as tx, pytest.raises(NotFound):
            getattr(tx, name).put(stolen)


def test_a_noun_cannot_stand_under_another_organizations(records, new_world, full):
    stranger = new_world()
    for whose in (stranger.id, EVERYONE):
        with records.change(whose) as tx:
            with pytest.raises(Conflict):
                tx.segments.add(stranger.segment(full["datasets"], position=1))
            with pytest.raises(Conflict):
                tx.jobs.add(stranger.job(project_id=full["projects"].id))


def test_everyone_sees_all(records, new_world):
    worlds = [new_world(), new_world()]
    for world in worlds:
        with records.change(EVERYONE) as tx:
            tx.jobs.add(world.job())
    with records.look(EVERYONE) as tx:
        assert {job.organization_id for job in tx.jobs.find().items} == {world.id for world in worlds}
        assert tx.organizations.find().total == 2
    with records.look(worlds[0].id) as tx:
        assert [one.id for one in tx.organizations.find().items] == [worlds[0].id]


# --- find ---


@pytest.fixture
def jobs(records, world):
    """Five jobs, by number."""
    made = [
        world.job(state=JobState.QUEUED, error="Out of memory", attempt=1, created_at=world.later(5)),
        world.job(state=JobState.RUNNING, error=None, attempt=2, created_at=world.later(4), request=Request.STOP),
        world.job(state=JobState.FAILED, error="100% of rows", attempt=2, created_at=world.later(3)),
        world.job(state=JobState.FAILED, error="a_b \\ c", attempt=3, executor="ray", created_at=world.later(3)),
        world.job(state=JobState.STOPPED, error="Überlauf", attempt=3, created_at=world.later(1)),
    ]
    with records.change(world.id) as tx:
        for job in made:
            tx.jobs.add(job)
    return made


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        (None, [0, 1, 2, 3, 4]),
        ({}, [0, 1, 2, 3, 4]),
        ({"state": JobState.FAILED}, [2, 3]),
        ({"state": "failed"}, [2, 3]),
        ({"state": (JobState.FAILED, JobState.QUEUED)}, [0, 2, 3]),
        ({"state": [JobState.FAILED]}, [2, 3]),
        ({"state": {JobState.STOPPED, JobState.QUEUED}}, [0, 4]),
        ({"state": frozenset()}, []),
        ({"state": JobState.FAILED, "attempt": 3}, [3]),
        ({"request": None}, [0, 2, 3, 4]),
        ({"request": (None, Request.STOP)}, [0, 1, 2, 3, 4]),
        ({"request": (Request.FINISH,)}, []),
        ({"attempt": 2}, [1, 2]),
        ({"attempt": 10**30}, []),
        ({"attempt": (10**30, 1)}, [0]),
        ({"executor": "ray"}, [3]),
        ({"executor": "r\0ay"}, []),
        ({"executor": "RAY"}, []),
        ({"progress": 0}, [0, 1, 2, 3, 4]),
    ],
)
def test_find_gives_what_has_the_values(records, world, jobs, where, numbers):
    with records.look(world.id) as tx:
        page = tx.jobs.find(where)
    assert {job.id for job in page.items} == {jobs[number].id for number in numbers}
    assert page.total == len(numbers)


@pytest.mark.parametrize(
    "asked",
    [
        {"where": {"color": "red"}},
        {"where": {"is_final": True}},
        {"where": {"state": "paused"}},
        {"where": {"attempt": "2"}},
        {"where": {"attempt": True}},
        {"where": {"id": "1"}},
        {"sort": "color"},
        {"search": ("x", ["color"])},
        {"search": ("x", ["attempt"])},
        {"limit": -1},
        {"offset": -1},
    ],
    ids=str,
)
def test_asking_for_what_no_job_has_is_a_programming_error(records, world, asked):
    with records.look(world.id) as tx, pytest.raises(ValueError):  # noqa: PT011
        tx.jobs.find(**asked)


@pytest.mark.parametrize("field", ["task", "labels", "origin"])
def test_what_is_made_of_parts_can_be_neither_asked_for_nor_sorted_by(records, world, field):
    with records.look(world.id) as tx:
        with pytest.raises(ValueError, match=field):
            tx.runs.find({field: None})
        with pytest.raises(ValueError, match=field):
            tx.runs.find(sort=field)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("memory", [0]),
        ("MEMORY", [0]),
        ("o", [0, 2]),
        ("%", [2]),
        ("0% O", [2]),
        ("_", [3]),
        ("\\", [3]),
        ("a_b", [3]),
        ("aXb", []),
        ("über", [4]),
        ("ÜBER", [4]),
        ("", [0, 2, 3, 4]),  # every text there is
        ("\0", []),
        ("\ud800", []),
    ],
)
def test_search_finds_the_text_itself_in_any_letter_case(records, world, jobs, text, numbers):
    with records.look(world.id) as tx:
        page = tx.jobs.find(search=(text, ["error"]))
    assert {job.id for job in page.items} == {jobs[number].id for number in numbers}


def test_search_looks_into_all_the_fields_and_keeps_to_the_rest_of_the_question(records, world, jobs):
    with records.look(world.id) as tx:
        assert tx.jobs.find(search=("RA", ["error", "executor"])).items == [jobs[3]]
        assert tx.jobs.find({"attempt": 1}, search=("ra", ["error", "executor"])).total == 0


def test_an_endless_text_to_search_for_is_invalid_input(records, world):
    with records.look(world.id) as tx, pytest.raises(InvalidInput, match="1000 are allowed"):
        tx.jobs.find(search=("%" * 1001, ["error"]))


@pytest.mark.parametrize("field", ["created_at", "id", "attempt", "state", "error", "request", "executor"])
def test_find_sorts_with_ties_by_id_and_what_is_missing_first(records, world, jobs, field):
    def order(job):
        value = getattr(job, field)
        return (value is not None, value, job.id) if value is not None else (False, "", job.id)

    with records.look(world.id) as tx:
        assert tx.jobs.find(sort=field).items == sorted(jobs, key=order)
        assert tx.jobs.find(sort=field, descending=True).items == sorted(jobs, key=order, reverse=True)


@pytest.mark.parametrize(
    ("limit", "offset"), [(2, 0), (2, 2), (2, 4), (2, 6), (5, 0), (6, 0), (0, 0), (None, 3), (10**30, 0), (1, 10**30)]
)
def test_a_page_is_a_piece_of_the_whole_and_knows_how_much_there_is(records, world, jobs, limit, offset):
    with records.look(world.id) as tx:
        whole = tx.jobs.find().items
        page = tx.jobs.find(limit=limit, offset=offset)
    assert list(page.items) == whole[offset : None if limit is None else offset + limit]
    assert page.total == 5


@pytest.mark.parametrize("where", [None, {"attempt": (2, 3)}, {"attempt": 1}, {"attempt": ()}, {"error": None}])
@pytest.mark.parametrize("descending", [False, True])
def test_the_first_is_the_one_that_find_would_give_first(records, world, jobs, where, descending):
    with records.look(world.id) as tx:
        found = tx.jobs.find(where, sort="attempt", descending=descending).items
        assert tx.jobs.first(where, sort="attempt", descending=descending) == (found[0] if found else None)


def test_a_first_that_is_locked_is_the_same(records, world, jobs):
    with records.change(world.id) as tx:
        assert tx.jobs.first({"attempt": (2, 3)}, lock=True) == jobs[4]
    with records.look(world.id) as tx, pytest.raises(RuntimeError):
        tx.jobs.first({"attempt": 2}, lock=True)


def test_find_with_a_lock_gives_the_same(records, world, jobs):
    with records.change(world.id) as tx:
        assert tx.jobs.find({"attempt": (2, 3)}, lock=True).items == tx.jobs.find({"attempt": (2, 3)}).items
        assert tx.jobs.find({"attempt": (2, 3)}, lock=True, limit=1).items == [jobs[4]]
