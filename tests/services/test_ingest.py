from __future__ import annotations

import bz2
import errno
import gzip
import json
import os
import zipfile
from contextlib import contextmanager
from threading import Barrier, Thread

import polars as pl
import pytest

from athanor.core.actor import Scope
from athanor.core.job import JobKind, JobState, Lane, advance
from athanor.core.ports import EVERYONE
from athanor.engine.readers import segmenting
from athanor.engine.tables.schema import ColumnType
from athanor.errors import Conflict, InvalidInput, NotFound, ScopeMissing, TooLarge, Unavailable
from athanor.services import ingest
from athanor.services.profile import make_profile
from athanor.services.rows import arrivals


def test_a_file_becomes_a_dataset_with_rows_columns_and_types(world):
    view = world.a_dataset()
    assert (view.dataset.name, view.dataset.handle, view.dataset.format) == ("customers", "customers", "csv")
    assert view.dataset.size_bytes == world.a_file().stat().st_size
    assert view.version.n_rows == 40
    assert view.version.schema.names == ("age", "plan", "spend", "churned")
    assert view.version.schema["spend"].type is ColumnType.NUMERIC


def test_the_rows_are_kept_as_parquet(world):
    world.a_dataset()
    (segment,) = world.all_of("segments")
    frame = pl.read_parquet(world.blobs.local(segment.blob))
    assert frame.shape == (40, 4)
    assert frame["churned"].to_list()[:3] == ["no", "yes", "yes"]


def test_a_job_that_profiles_the_version_waits_in_the_light_lane(world):
    view = world.a_dataset()
    (job,) = world.all_of("jobs")
    assert (job.kind, job.lane, job.state) == (JobKind.PROFILE, Lane.LIGHT, JobState.QUEUED)
    assert job.subject_id == view.version.id


def test_the_profile_is_there_once_its_job_is_done(world):
    view = world.a_dataset()
    assert world.ingest.profile(world.actor, view.dataset.id).profile is None
    make_profile(world.records, world.blobs, view.version.id)
    profile = world.ingest.profile(world.actor, view.dataset.id).profile
    assert "churned" in json.dumps(profile)


def profile_jobs(world):
    return sorted(world.all_of("jobs"), key=lambda job: job.created_at)


def a_failed_profile(world):
    """A dataset whose profile was not made, a minute ago."""
    view = world.a_dataset()
    (job,) = world.all_of("jobs")
    with world.records.change(EVERYONE) as transaction:
        running = advance(job, JobState.RUNNING, now=world.clock())
        transaction.jobs.put(advance(running, JobState.FAILED, now=world.clock(), error="Lost."))
    world.clock.pass_(minutes=1)
    return view


def test_a_profile_that_failed_stays_so_while_the_rows_are_the_same(world):
    view = a_failed_profile(world)
    found = world.ingest.profile(world.actor, view.dataset.id)
    assert (found.state, found.error) == (JobState.FAILED, "Lost.")
    assert len(profile_jobs(world)) == 1


def test_a_profile_that_failed_is_made_anew_once_the_rows_are_others(world):
    view = a_failed_profile(world)
    appended = world.datasets.append_rows(world.actor, view.dataset.id, [{"age": 1}])
    assert appended.version.id == view.version.id
    assert world.ingest.profile(world.actor, view.dataset.id).state is JobState.QUEUED
    assert world.ingest.profile(world.actor, view.dataset.id).state is JobState.QUEUED
    assert [job.state for job in profile_jobs(world)] == [JobState.FAILED, JobState.QUEUED]


def test_two_that_ask_for_a_profile_at_once_get_one_job(world, monkeypatch):
    view = a_failed_profile(world)
    world.datasets.append_rows(world.actor, view.dataset.id, [{"age": 1}])
    look = world.records.look

    @contextmanager
    def slow_look(*whose):
        with look(*whose) as transaction:
            yield transaction
        monkeypatch.setattr(world.records, "look", look)
        world.ingest.profile(world.actor, view.dataset.id)  # somebody else, between the look and the change

    monkeypatch.setattr(world.records, "look", slow_look)
    assert world.ingest.profile(world.actor, view.dataset.id).state is JobState.QUEUED
    assert len(profile_jobs(world)) == 2


def test_profiling_twice_keeps_one_profile(world):
    view = world.a_dataset()
    first = make_profile(world.records, world.blobs, view.version.id)
    assert make_profile(world.records, world.blobs, view.version.id) == first
    assert len(list(world.blobs.keys("profiles"))) == 1


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("sales.2024.csv.gz", "sales.2024"),
        ("C:\\data\\Kunden.csv", "Kunden"),
        ("../../etc/passwd", "passwd"),
        ("noending", "noending"),
        (".csv", ".csv"),
        ("x" * 300 + ".csv", "x" * 200),
    ],
)
def test_a_dataset_without_a_name_is_called_after_its_file(world, filename, name):
    assert world.a_dataset(filename=filename).dataset.name == name


def test_datasets_may_repeat_names_but_not_handles(world):
    handles = [world.a_dataset(name="Verkäufe 2024").dataset.handle for _ in range(3)]
    assert handles == ["verkaufe-2024", "verkaufe-2024-2", "verkaufe-2024-3"]


def test_the_same_bytes_share_their_blob_inside_an_organization(world):
    first, second = world.a_dataset(), world.a_dataset()
    assert first.dataset.id != second.dataset.id
    assert len({segment.blob for segment in world.all_of("segments")}) == 1


def test_the_same_bytes_of_another_organization_are_kept_apart(world):
    world.a_dataset()
    world.a_dataset(actor=world.an_actor())
    assert len({segment.blob for segment in world.all_of("segments")}) == 2


def test_a_blob_that_is_gone_is_written_anew_for_the_same_bytes(world):
    world.a_dataset()
    world.blobs.delete(world.all_of("segments")[0].blob)
    world.a_dataset()
    assert world.blobs.local(world.all_of("segments")[1].blob).stat().st_size > 0


def test_a_file_that_cannot_be_read_leaves_nothing(world):
    before = world.audited()
    with pytest.raises(InvalidInput):
        world.a_dataset(text="")
    assert (world.all_of("datasets"), list(world.blobs.keys()), list(world.scratch.iterdir())) == ([], [], [])
    assert world.audited() == before


def test_a_transaction_that_fails_leaves_no_blob(world):
    upload = world.ingest.open_upload(world.actor, "a.csv")
    world.a_dataset(upload_id=upload.id)
    kept = set(world.blobs.keys())

    class Late:
        """Records in which the upload is found used only when the change is made."""

        def look(self, whose):
            return world.records.look(whose)

        def change(self, whose):
            raise Conflict("too late")

    world.ingest._records = Late()
    with pytest.raises(Conflict, match="too late"):
        world.a_dataset(text="a,b\n1,2\n3,4\n")
    assert set(world.blobs.keys()) == kept
    assert list(world.scratch.iterdir()) == []


@pytest.mark.parametrize("fails_at", [1, 2, 3, 4])
def test_a_disk_that_is_full_at_any_blob_leaves_nothing(world, monkeypatch, fails_at):
    """A file of several segments with ids and rejected rows puts many blobs; space is given back for all of them."""
    write_segments = segmenting.write_segments
    monkeypatch.setattr(
        segmenting, "write_segments", lambda *given, **more: write_segments(*given, **more, largest_rows=100)
    )
    put, asked = world.blobs.put, []

    def full(key, source, **more):
        asked.append(key)
        if len(asked) == fails_at:
            raise Unavailable("The disk is full.")
        return put(key, source, **more)

    monkeypatch.setattr(world.blobs, "put", full)
    text = "id,x\n" + "".join(f"{number},{number}\n" for number in range(250)) + "ragged\n"
    with pytest.raises(Unavailable, match="full"):
        world.a_dataset(text, id_column="id")
    assert (list(world.blobs.keys()), list(world.scratch.iterdir()), world.all_of("datasets")) == ([], [], [])
    view = world.a_dataset(text, id_column="id")
    assert (view.version.n_segments, view.version.n_rows, view.version.n_rejected) == (3, 250, 1)
    assert len(list(world.blobs.keys())) == 7


def test_a_disk_that_is_full_while_segments_are_written_leaves_nothing(world, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segmenting, "write_segments", full)
    with pytest.raises(Unavailable, match="No space left"):
        world.a_dataset()
    assert (list(world.blobs.keys()), list(world.scratch.iterdir()), world.all_of("datasets")) == ([], [], [])


def test_two_at_once_of_the_same_file_are_two_datasets_and_lose_nothing(world):
    barrier = Barrier(2)
    views = []
    file = world.a_file()

    def one():
        barrier.wait()
        views.append(world.ingest.receive(file, filename="same.csv", name="same", actor=world.actor))

    threads = [Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {view.dataset.handle for view in views} == {"same", "same-2"}
    for view in views:
        assert world.datasets.rows(world.actor, view.dataset.id, limit=1).total == 40
    assert {segment.blob for segment in world.all_of("segments")} == set(world.blobs.keys())


def test_a_large_file_is_read_by_a_process_of_its_own(world, monkeypatch):
    here = world.a_dataset()
    monkeypatch.setattr(arrivals, "_LARGEST_PLAIN", 100)
    monkeypatch.setattr(arrivals, "read_here", None)
    apart = world.a_dataset()
    assert apart.version.schema == here.version.schema
    assert apart.sample_profile["n_rows"] == here.sample_profile["n_rows"] == 40
    assert len(list(world.blobs.keys())) == 1, "the same rows, to the bit"
    assert list(world.scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("filename", "content", "size", "is_apart"),
    [
        ("a.csv", b"a,b\n", 32, False),
        ("a.csv", b"a,b\n", 33, True),
        ("a.parquet", b"PAR1", 32, False),
        ("a.json", b"[{}]", 4, False),
        ("a.json", b"[{}]", 5, True),
        ("a.csv", b"PK\x03\x04", 5, True),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", 1, True),
        ("a.csv", b"\x28\xb5\x2f\xfd", 1, True),
        ("a.csv.bz2", b"BZh9", 1, True),
        ("a.csv.xz", b"\xfd7zXZ\x00", 1, True),
        ("a.csv.zip", b"PK\x03\x04", 1, True),
    ],
)
def test_what_is_read_apart_goes_by_size_and_format(tmp_path, filename, content, size, is_apart):
    path = tmp_path / "file"
    path.write_bytes(content)
    os.truncate(path, size * 2**20)
    assert arrivals.is_large(path, filename) is is_apart


def test_a_small_workbook_is_no_compressed_file(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    assert not arrivals.is_large(path, path.name)


def test_a_small_compressed_file_is_inflated_nowhere_but_in_the_scratch_folder(world, monkeypatch):
    monkeypatch.setattr(arrivals, "read_here", None)
    path = world.folder / "customers.csv.bz2"
    path.write_bytes(bz2.compress(world.a_file().read_bytes()))
    view = world.ingest.receive(path, filename=path.name, name=None, actor=world.actor)
    assert (view.dataset.name, view.version.n_rows) == ("customers", 40)
    assert list(world.scratch.iterdir()) == []


def test_a_large_file_that_takes_too_much_memory_leaves_nothing(world, monkeypatch):
    world.arrivals._memory_limit = 2**20
    os.mkfifo(world.folder / "endless.csv")
    monkeypatch.setattr(ingest, "fingerprint", lambda *_: "0" * 64)
    monkeypatch.setattr(arrivals, "is_large", lambda *_: True)
    with pytest.raises(TooLarge, match="of memory"):
        world.ingest.receive(world.folder / "endless.csv", filename="e.csv", name=None, actor=world.actor)
    assert (list(world.blobs.keys()), list(world.scratch.iterdir()), world.all_of("datasets")) == ([], [], [])


def test_the_answer_to_a_file_holds_a_profile_of_a_sample(world):
    view = world.a_dataset()
    assert [column["name"] for column in view.sample_profile["columns"]] == list(view.version.schema.names)


def test_too_many_columns_are_refused_in_words(world):
    header = ",".join(f"c{number}" for number in range(51))
    with pytest.raises(TooLarge, match="51 columns; 50 are allowed"):
        world.a_dataset(text=f"{header}\n{header.replace('c', '')}\n")


def test_datasets_are_listed_newest_first(world):
    for name in ("first", "second", "third"):
        world.a_dataset(name=name)
        world.clock.pass_(minutes=1)
    views = world.ingest.list(world.actor)
    assert [view.dataset.name for view in views] == ["third", "second", "first"]
    assert {view.version.dataset_id for view in views} == {view.dataset.id for view in views}


def test_the_dataset_of_an_upload_is_known_by_the_uploads_id(world):
    upload = world.ingest.open_upload(world.actor, "later.csv")
    view = world.a_dataset(upload_id=upload.id, filename=upload.filename)
    assert view.dataset.id == upload.id
    assert world.ingest.get(world.actor, upload.id).version == view.version


def test_an_upload_takes_one_file(world):
    upload = world.ingest.open_upload(world.actor, "later.csv")
    world.a_dataset(upload_id=upload.id)
    with pytest.raises(Conflict, match="came already"):
        world.a_dataset(upload_id=upload.id)
    with pytest.raises(Conflict, match="came already"):
        world.ingest.upload(world.actor, upload.id)


def test_an_upload_can_be_tried_again_when_its_file_was_bad(world):
    upload = world.ingest.open_upload(world.actor, "later.csv")
    with pytest.raises(InvalidInput):
        world.a_dataset(text="", upload_id=upload.id)
    assert world.a_dataset(upload_id=upload.id).dataset.id == upload.id


def test_an_upload_ends(world):
    upload = world.ingest.open_upload(world.actor, "later.csv")
    world.clock.at = upload.expires_at
    with pytest.raises(Conflict, match="ended at"):
        world.a_dataset(upload_id=upload.id)


def test_an_upload_of_another_organization_does_not_exist(world):
    upload = world.ingest.open_upload(world.an_actor(), "later.csv")
    with pytest.raises(NotFound):
        world.a_dataset(upload_id=upload.id)


def test_a_path_below_a_configured_folder_is_a_dataset(world):
    (world.served / "deep").mkdir()
    path = world.served / "deep" / "sales.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    for spelling in ("deep/sales.csv", str(path), "deep/../deep/sales.csv"):
        assert world.ingest.from_server_path(world.actor, spelling).dataset.name == "sales"
    assert len(world.all_of("datasets")) == 1, "the same bytes at the same path are read once"


def test_a_file_that_changed_is_another_dataset(world):
    path = world.served / "sales.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    first = world.ingest.from_server_path(world.actor, "sales.csv")
    path.write_text("a,b\n1,2\n3,5\n")
    assert world.ingest.from_server_path(world.actor, "sales.csv").dataset.id != first.dataset.id


def test_a_dataset_that_grew_since_is_not_the_file_any_more(world):
    path = world.served / "sales.csv"
    path.write_text("a,b\n1,2\n3,4\n")
    first = world.ingest.from_server_path(world.actor, "sales.csv")
    world.datasets.append_rows(world.actor, first.dataset.id, [{"a": 5, "b": 6}])
    assert world.ingest.from_server_path(world.actor, "sales.csv").dataset.id != first.dataset.id


@pytest.mark.parametrize("path", ["../outside.csv", "link.csv", "nothing.csv", "", ".", "a\0b", "folder"])
def test_a_path_outside_and_a_path_of_nothing_are_refused_alike(world, path):
    outside = world.folder / "outside.csv"
    outside.write_text("a,b\n1,2\n")
    (world.served / "link.csv").symlink_to(outside)
    (world.served / "folder").mkdir()
    with pytest.raises(NotFound, match="no file of that path that this server may read"):
        world.ingest.from_server_path(world.actor, path)
    with pytest.raises(NotFound):
        world.ingest.from_server_path(world.actor, str(outside))


def test_datasets_of_another_organization_do_not_exist(world):
    view, stranger = world.a_dataset(), world.an_actor()
    assert world.ingest.list(stranger) == ()
    with pytest.raises(NotFound):
        world.ingest.get(stranger, view.dataset.id)


def test_reading_and_writing_data_need_their_scopes(world):
    view = world.a_dataset()
    with pytest.raises(ScopeMissing, match="data:write"):
        world.a_dataset(actor=world.without(Scope.DATA_WRITE))
    with pytest.raises(ScopeMissing, match="data:write"):
        world.ingest.open_upload(world.without(Scope.DATA_WRITE), "a.csv")
    with pytest.raises(ScopeMissing, match="data:write"):
        world.ingest.from_server_path(world.without(Scope.DATA_WRITE), "a.csv")
    with pytest.raises(ScopeMissing, match="data:read"):
        world.ingest.list(world.without(Scope.DATA_READ))
    with pytest.raises(ScopeMissing, match="data:read"):
        world.ingest.get(world.without(Scope.DATA_READ), view.dataset.id)


def test_what_came_is_in_the_audit_log(world):
    upload = world.ingest.open_upload(world.actor, "a.csv")
    world.a_dataset(upload_id=upload.id)
    assert world.audited() == ["upload.open", "dataset.create"]
    with world.records.look(EVERYONE) as transaction:
        assert transaction.audit.find({"action": "dataset.create"}, sort="at").items[0].object_id == upload.id


def test_datasets_are_found_by_their_name_page_by_page(world):
    ids = [world.a_dataset(name=name).dataset.id for name in ("Sales 1", "Stock", "sales 2")]
    page = world.ingest.find(world.actor, search="SALES", limit=1)
    assert page.total == 2
    rest = world.ingest.find(world.actor, search="SALES", limit=1, offset=1)
    assert {view.dataset.id for view in (*page.items, *rest.items)} == {ids[0], ids[2]}
    assert world.ingest.find(world.an_actor()).total == 0


def test_a_compressed_file_may_grow_to_the_operators_limit(world, tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"a\n" + b"1\n" * 1000))
    capped = arrivals.Arrivals(world.records, world.blobs, world.scratch, inflated_limit=1000)
    with (
        pytest.raises(TooLarge, match="inflates to more than 1,000 bytes"),
        capped.of_file(tmp_path / "a.csv.gz", filename="a.csv.gz", options=None, sha256="", actor=world.actor),
    ):
        pass


def test_a_version_that_is_not_there_is_not_found(world):
    view = world.a_dataset()
    assert world.ingest.get(world.actor, view.dataset.id, version=1).version == view.version
    with pytest.raises(NotFound, match="no version 2"):
        world.ingest.get(world.actor, view.dataset.id, version=2)
