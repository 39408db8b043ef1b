from __future__ import annotations

import gzip
import json
from dataclasses import replace
from threading import Barrier, Thread

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from athanor.core.actor import Scope
from athanor.core.job import JobKind, JobState
from athanor.engine.tables.schema import ColumnType, Storage
from athanor.engine.task import Task
from athanor.errors import Conflict, Impossible, InvalidInput, NotFound, ScopeMissing, TooLarge
from athanor.services.aliases import Naming
from athanor.services.collections import batches as vector_batches
from athanor.services.collections import collections
from athanor.services.collections.collections import UploadHow, VectorBatch
from athanor.services.collections.components import COMPONENTS, UINT8
from athanor.services.collections.layout import Layout, rows_at_once
from athanor.services.profile import make_profile

NAMING = Naming(dialect="vecml", text="someone_p_c_UploadJob")


@pytest.fixture
def project(world):
    return world.projects.create(world.actor, "p")


@pytest.fixture
def dense(world, project):
    """An empty collection `c` of three numbers a row."""
    return world.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=3)


@pytest.fixture
def sparse(world, project):
    """An empty collection `c` of sparse vectors whose length nobody said."""
    return world.collections.create(world.actor, "p", "c", storage=Storage.SPARSE)


def a_batch(*ids, attributes=None, dim=3):
    matrix = np.arange(len(ids) * dim, dtype=np.float32).reshape(len(ids), dim)
    return VectorBatch(ids=ids, matrix=matrix, attributes=attributes)


def without_ids(n_rows, dim=3):
    return VectorBatch(matrix=np.zeros((n_rows, dim), np.float32))


def insert(world, batch, name="c", **more):
    return world.collections.insert(world.actor, "p", name, batch, **{"naming": NAMING} | more)


def upload(world, content, file_format="csv", name="c", **how):
    path = world.folder / "sent"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    given = UploadHow(**{"format": file_format, "filename": f"sent.{file_format}"} | how)
    return world.collections.upload(world.actor, "p", name, path, given, naming=NAMING)


def rows(world, name="c"):
    dataset = world.collections.get(world.actor, "p", name).dataset
    page = world.datasets.rows(world.actor, dataset.id, limit=1000)
    return [dict(zip(page.columns, row, strict=True)) for row in page.rows]


def get(world, name="c"):
    return world.collections.get(world.actor, "p", name)


# --- making, listing, deleting ----------------------------------------------------------------------------------------


def test_a_collection_is_a_dataset_without_rows_in_the_project(world, dense):
    assert (dense.version.n_rows, dense.version.n_segments, dense.version.number) == (0, 0, 1)
    assert (dense.layout.dim, dense.layout.is_sparse, dense.layout.attributes) == (3, False, ())
    assert dense.dataset.id_column == "string_id"
    assert get(world) == dense
    assert world.ingest.get(world.actor, dense.dataset.id).dataset == dense.dataset
    assert "dataset.create" in world.audited()


def test_collections_of_a_project_are_listed_oldest_first(world, dense):
    world.clock.pass_(seconds=1)
    world.collections.create(world.actor, "p", "b", storage=Storage.SPARSE, labels={"vector_type": "sparse"})
    found = world.collections.list(world.actor, "p")
    assert [view.dataset.handle for view in found] == ["c", "b"]
    assert found[1].dataset.labels == {"vector_type": "sparse"}


def test_a_name_is_given_once_in_a_project(world, dense):
    with pytest.raises(Conflict, match="already exists") as raised:
        world.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=3)
    assert raised.value.code == "collection-exists"
    world.projects.create(world.actor, "q")
    world.collections.create(world.actor, "q", "c", storage=Storage.DENSE, dim=3)


@pytest.mark.parametrize(
    ("storage", "dim"), [("dense", None), ("dense", 0), ("dense", 100_001), ("sparse", 0), ("sparse", 2**24 + 1)]
)
def test_a_dimension_that_cannot_be_is_refused(world, project, storage, dim):
    with pytest.raises(InvalidInput, match=r"numbers a vector has|vectors have 1 to"):
        world.collections.create(world.actor, "p", "c", storage=Storage(storage), dim=dim)


def test_a_name_that_cannot_be_is_refused(world, project):
    with pytest.raises(InvalidInput, match="`name` must have 1 to 128"):
        world.collections.create(world.actor, "p", ".c", storage=Storage.DENSE, dim=3)


def test_what_is_not_there_is_named(world, project):
    with pytest.raises(NotFound, match=r"The collection 'x' does not exist in project 'p'\."):
        get(world, "x")
    with pytest.raises(NotFound, match="The project 'y' does not exist"):
        world.collections.list(world.actor, "y")
    with pytest.raises(NotFound, match="The collection 'x' does not exist"):
        insert(world, a_batch("a"), "x")


def test_a_collection_goes_with_its_runs(world, dense):
    insert(world, a_batch("a", "b", attributes=[{"label": "1"}, {"label": "0"}]))
    run = world.a_run(dataset=world.ingest.get(world.actor, dense.dataset.id), task=Task(target="label"))
    with pytest.raises(ScopeMissing):
        world.collections.delete(world.without(Scope.RUNS_WRITE), "p", "c")
    world.collections.delete(world.actor, "p", "c")
    assert world.collections.list(world.actor, "p") == ()
    assert not world.all_of("segments")
    assert not world.all_of("aliases")
    assert list(world.blobs.keys()) == []
    with pytest.raises(NotFound):
        world.runs.get(world.actor, run.run.id)
    world.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=5)


def test_scopes_are_asked_for(world, dense):
    writes, reads = world.without(Scope.DATA_WRITE), world.without(Scope.DATA_READ)
    with pytest.raises(ScopeMissing):
        world.collections.create(writes, "p", "d", storage=Storage.DENSE, dim=3)
    with pytest.raises(ScopeMissing):
        world.collections.insert(writes, "p", "c", a_batch("a"), naming=NAMING)
    with pytest.raises(ScopeMissing):
        world.collections.delete(writes, "p", "c")
    with pytest.raises(ScopeMissing):
        world.collections.get(reads, "p", "c")
    with pytest.raises(ScopeMissing):
        world.collections.list(reads, "p")


# --- a dataset without rows -------------------------------------------------------------------------------------------


def test_a_dataset_without_rows_is_shown_and_downloaded(world, dense):
    dataset_id = dense.dataset.id
    page = world.datasets.rows(world.actor, dataset_id)
    assert (page.rows, page.columns, page.total) == ([], ("string_id", "vector"), 0)
    chunks = world.datasets.download(world.actor, dataset_id, file_format="parquet").chunks
    (world.folder / "table.parquet").write_bytes(b"".join(chunks))
    assert pl.read_parquet(world.folder / "table.parquet").shape == (0, 2)
    assert [view.version.n_rows for view in world.ingest.list(world.actor)] == [0]


@pytest.mark.parametrize("storage", [Storage.DENSE, Storage.SPARSE])
def test_a_dataset_without_rows_has_a_profile(world, project, storage):
    view = world.collections.create(world.actor, "p", "c", storage=storage, dim=3)
    assert world.ingest.profile(world.actor, view.dataset.id).state is JobState.QUEUED
    make_profile(world.records, world.blobs, view.version.id)
    profile = world.ingest.profile(world.actor, view.dataset.id).profile
    assert (profile["n_rows"], [column["name"] for column in profile["columns"]]) == (0, ["string_id", "vector"])
    insert(world, a_batch("a"))
    assert get(world).version.number == 2, "the first one was profiled"


def test_nothing_is_learned_from_a_dataset_without_rows(world, dense):
    view = world.ingest.get(world.actor, dense.dataset.id)
    with pytest.raises(Impossible, match="0 rows"):
        world.a_run(dataset=view, task=Task(target="string_id"))


def test_rows_are_appended_to_and_deleted_from_a_dataset_without_rows(world, dense):
    assert world.datasets.delete_rows(world.actor, dense.dataset.id, ["a"]) == 0
    view = world.datasets.append_rows(world.actor, dense.dataset.id, [{"string_id": "a", "vector": [1, 2, 3]}])
    assert view.version.n_rows == 1
    assert world.datasets.delete_rows(world.actor, dense.dataset.id, ["a"]) == 1
    assert (get(world).version.n_rows, rows(world)) == (0, [])


# --- inserting --------------------------------------------------------------------------------------------------------


def test_a_batch_stands_behind_the_rows_that_are_there(world, dense):
    insert(world, a_batch("a", "b", attributes=[{"label": "1"}, {}]))
    insert(world, a_batch("c"))
    assert rows(world) == [
        {"string_id": "a", "vector": [0, 1, 2], "label": "1"},
        {"string_id": "b", "vector": [3, 4, 5], "label": None},
        {"string_id": "c", "vector": [0, 1, 2], "label": None},
    ]
    assert get(world).layout.attributes == ("label",)


def test_the_job_of_a_batch_is_born_finished_and_named(world, dense):
    first, second = insert(world, a_batch("a", "b")), insert(world, a_batch("c"))
    assert (first.n_rows, first.job_name, second.job_name) == (2, NAMING.text, f"{NAMING.text}_2")
    found = world.jobs.named(world.actor, "vecml", first.job_name).job
    assert found == first.job
    assert (found.kind, found.state, found.result) == (JobKind.INGEST, JobState.SUCCEEDED, {"n_rows": 2})
    assert (found.subject_id, found.started_at, found.finished_at) == (dense.dataset.id, world.clock(), world.clock())


def test_attributes_that_are_new_are_missing_in_the_rows_before(world, dense):
    insert(world, a_batch("a", attributes=[{"x": "1"}]))
    make_profile(world.records, world.blobs, get(world).version.id)
    insert(world, a_batch("b", attributes=[{"y": "2"}]))
    assert [(row["string_id"], row["x"], row["y"]) for row in rows(world)] == [("a", "1", None), ("b", None, "2")]
    first = world.datasets.rows(world.actor, dense.dataset.id, version=1)
    assert (first.columns, first.total) == (("string_id", "vector", "x"), 1), "what was frozen stays as it was"


def test_attributes_mean_what_their_cells_say(world, dense):
    names = [f"r{number}" for number in range(40)]
    insert(world, a_batch(*names, attributes=[{"kind": "AB"[n % 2], "same": "x"} for n in range(40)]))
    schema = get(world).version.schema
    assert (schema["kind"].type, schema["same"].type) == (ColumnType.CATEGORICAL, ColumnType.CONSTANT)
    assert schema["string_id"].type is ColumnType.ID


def test_texts_of_attributes_stay_as_they_are_and_empty_ones_are_missing(world, dense):
    insert(world, a_batch("a", "b", "c", attributes=[{"x": " u "}, {"x": "NA"}, {"x": ""}]))
    assert [row["x"] for row in rows(world)] == [" u ", "NA", None]


def test_a_batch_makes_the_collection_where_its_vectors_are_told(world, project):
    insert(world, a_batch("a", dim=2, attributes=[{"x": "1"}]), storage=Storage.DENSE)
    insert(world, without_ids(2, dim=2), "d", storage=Storage.DENSE)
    assert (get(world).layout.dim, get(world).layout.attributes) == (2, ("x",))
    assert [row["string_id"] for row in rows(world, "d")] == ["0", "1"]
    insert(world, without_ids(1, dim=2), "d")
    assert [row["string_id"] for row in rows(world, "d")] == ["0", "1", "2"]


def test_sparse_vectors_grow_where_nobody_said_their_length(world, sparse):
    insert(world, VectorBatch(ids=["a"], matrix=csr_matrix(np.array([[0, 2]], np.float32))))
    insert(world, VectorBatch(ids=["b"], matrix=csr_matrix(np.array([[0, 0, 0, 5]], np.float32))))
    insert(world, VectorBatch(ids=["c"], matrix=csr_matrix(np.array([[7]], np.float32))))
    assert get(world).layout.dim == 4
    assert [row["vector"]["indices"] for row in rows(world)] == [[1], [3], [0]]


def test_sparse_vectors_of_a_said_length_do_not_grow(world, project):
    world.collections.create(world.actor, "p", "c", storage=Storage.SPARSE, dim=3)
    insert(world, VectorBatch(ids=["a"], matrix=csr_matrix(np.array([[1, 0, 0, 0]], np.float32))))
    assert get(world).layout.dim == 3
    with pytest.raises(InvalidInput, match="component 3"):
        insert(world, VectorBatch(ids=["b"], matrix=csr_matrix(np.array([[0, 0, 0, 5]], np.float32))))


def test_dense_and_sparse_vectors_are_kept_as_the_collection_has_them(world, dense):
    insert(world, VectorBatch(ids=["a"], matrix=csr_matrix(np.array([[0, 2]], np.float32))))
    assert rows(world) == [{"string_id": "a", "vector": [0, 2, 0]}]


def test_a_sparse_batch_that_would_fill_the_memory_is_refused(world, dense, monkeypatch):
    monkeypatch.setattr(vector_batches, "LARGEST_DENSE", 23)
    insert(world, VectorBatch(ids=["a"], matrix=csr_matrix((1, 3), dtype=np.float32)))
    with pytest.raises(TooLarge, match="at most 1 at a time"):
        insert(world, VectorBatch(ids=["b", "c"], matrix=csr_matrix((2, 3), dtype=np.float32)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("a", "a")}, "Row 2 has the id 'a'"),
        ({"ids": ("a", "")}, "Row 2: an id is a text"),
        ({"ids": ("a", "b\0")}, "Row 2: an id is a text"),
        ({"ids": ("a",)}, "1 ids came, and 2 vectors"),
        ({"attributes": [{}]}, "1 attributes came, and 2 vectors"),
        ({"attributes": [{}, {"vector": "1"}]}, "named 'vector'"),
        ({"attributes": [{}, {"string_id": "1"}]}, "named 'string_id'"),
        ({"attributes": [{}, {" ": "1"}]}, "named ' '"),
        ({"matrix": np.array([[1, 2, 3], [1, np.inf, 3]], np.float32)}, "Row 2 has a number"),
        ({"matrix": csr_matrix(np.array([[1, 0, 0], [0, np.nan, 0]], np.float32))}, "Row 2 has a number"),
        ({"matrix": np.zeros((2, 4), np.float32)}, "have 4 numbers each, and the vectors of the collection 3"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(world, dense, change, message):
    with pytest.raises(InvalidInput, match=message):
        insert(world, replace(a_batch("a", "b"), **change))
    assert (get(world).version.n_rows, world.all_of("aliases"), list(world.blobs.keys())) == (0, [], [])


def test_a_batch_without_rows_is_refused(world, dense):
    with pytest.raises(InvalidInput, match="No rows came"):
        insert(world, without_ids(0))


def test_attributes_of_countless_names_are_refused(world, dense, monkeypatch):
    monkeypatch.setattr(vector_batches, "MOST_ATTRIBUTES", 2)
    insert(world, a_batch("a", attributes=[{"x": "1", "y": "2"}]))
    with pytest.raises(InvalidInput, match="3 attributes; 2 are allowed"):
        insert(world, a_batch("b", attributes=[{"z": "1"}]))
    with pytest.raises(InvalidInput, match="3 different attributes"):
        insert(world, a_batch("b", attributes=[{"x": "1", "y": "1", "z": "1"}]))


def test_an_id_that_is_there_already_refuses_the_whole_batch(world, dense):
    insert(world, a_batch("a"))
    with pytest.raises(Conflict, match="'a'") as raised:
        insert(world, a_batch("b", "a"))
    assert raised.value.code == "row-id-taken"
    assert get(world).version.n_rows == 1


# --- ids that are made ------------------------------------------------------------------------------------------------


def test_rows_without_ids_are_numbered(world, dense):
    insert(world, without_ids(2))
    insert(world, a_batch("a"))
    insert(world, without_ids(2))
    assert [row["string_id"] for row in rows(world)] == ["0", "1", "a", "2", "3"]


def test_numbers_that_people_gave_are_passed_over(world, dense):
    insert(world, a_batch("0", "1", "2", "4"))
    insert(world, without_ids(3))
    assert [row["string_id"] for row in rows(world)][4:] == ["3", "5", "6"]


def test_many_numbers_that_people_gave_are_passed_over_in_few_steps(world, dense, monkeypatch):
    insert(world, a_batch(*map(str, range(500))))
    steps = []
    live = world.collections._growing.live_now
    monkeypatch.setattr(world.collections._growing, "live_now", lambda *given: steps.append(1) or live(*given))
    insert(world, without_ids(1))
    assert int(rows(world)[-1]["string_id"]) >= 500
    assert len(steps) < 12


def test_a_number_is_not_given_again_after_its_row_was_deleted(world, dense):
    insert(world, without_ids(2))
    world.datasets.delete_rows(world.actor, dense.dataset.id, ["1"])
    insert(world, without_ids(1))
    assert [row["string_id"] for row in rows(world)] == ["0", "2"]


# --- at the same time -------------------------------------------------------------------------------------------------


def at_once(*attempts):
    barrier, failed = Barrier(len(attempts)), []

    def run(attempt):
        barrier.wait()
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [Thread(target=run, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_batches_that_come_at_once_are_all_stored_with_their_attributes(world, dense):
    batches = [a_batch(f"r{number}", attributes=[{f"x{number}": "1"}]) for number in range(6)]
    assert not at_once(*(lambda batch=batch: insert(world, batch) for batch in batches))
    assert sorted(get(world).layout.attributes) == [f"x{number}" for number in range(6)]
    assert len(rows(world)) == 6
    assert len({alias.text for alias in world.all_of("aliases")}) == 6


def test_batches_without_ids_that_come_at_once_get_different_ones(world, dense):
    assert not at_once(*(lambda: insert(world, without_ids(5)) for _ in range(4)))
    assert sorted(int(row["string_id"]) for row in rows(world)) == list(range(20))


def test_a_collection_that_two_make_at_once_has_the_rows_of_both(world, project, monkeypatch):
    made = collections.new_collection
    others = [lambda: insert(world, a_batch("a"), storage=Storage.DENSE)]

    def meanwhile(*given, **more):
        while others:
            others.pop()()
        return made(*given, **more)

    monkeypatch.setattr(collections, "new_collection", meanwhile)
    insert(world, a_batch("b"), storage=Storage.DENSE)
    assert sorted(row["string_id"] for row in rows(world)) == ["a", "b"]


# --- files of columns -------------------------------------------------------------------------------------------------

CSV = "f1,f2,kind,label\n1,2.5,A,yes\n3,,B,no\n"


def test_a_csv_file_makes_a_table_of_components_and_attributes(world, project):
    done = upload(world, CSV)
    view = get(world)
    assert (done.n_rows, done.job_name, done.job.state) == (2, NAMING.text, JobState.SUCCEEDED)
    assert (view.layout.components, view.layout.attributes) == (("f1", "f2"), ("kind", "label"))
    assert rows(world) == [
        {"string_id": "0", "f1": 1, "f2": 2.5, "kind": "A", "label": "yes"},
        {"string_id": "1", "f1": 3, "f2": None, "kind": "B", "label": "no"},
    ]


def test_columns_that_are_named_are_kept_as_texts(world, project):
    upload(world, "id,code,y\nr1,01,1\nr2,1,1.50\n", id_column="id", attribute_names=("code", "y"))
    assert rows(world) == [{"id": "r1", "code": "01", "y": "1"}, {"id": "r2", "code": "1", "y": "1.50"}]
    assert get(world).dataset.id_column == "id"


def test_the_same_bytes_come_again(world, project):
    upload(world, CSV)
    upload(world, CSV)
    assert [row["string_id"] for row in rows(world)] == ["0", "1", "2", "3"]
    upload(world, "string_id,f1\na,1\n", name="d")
    with pytest.raises(Conflict) as raised:
        upload(world, "string_id,f1\na,1\n", name="d")
    assert raised.value.code == "row-id-taken"


def test_a_later_file_is_read_as_the_columns_of_the_collection_are(world, project):
    upload(world, CSV, attribute_names=("kind",))
    upload(world, "label,kind,f2,f1,more\n1,7,2,5,x\n")
    assert rows(world)[2] == {"string_id": "2", "f1": 5, "f2": 2, "kind": "7", "label": "1", "more": "x"}
    with pytest.raises(InvalidInput, match="'f2'"):
        upload(world, "f1\n1\n")
    with pytest.raises(InvalidInput, match="'f3'"):
        upload(world, "f1,f2,f3\n1,2,3\n")
    with pytest.raises(InvalidInput, match=r"(?i)f1"):
        upload(world, "f1,f2\n1,2\nold,2\n")
    assert get(world).version.n_rows == 3


def test_columns_of_a_file_without_names_are_numbered(world, project):
    upload(world, "1,2,a\n3,4,b\n", has_header=False)
    assert get(world).layout.components == ("0", "1")
    upload(world, "5,6,7\n", has_header=False)
    assert rows(world)[2] == {"string_id": "2", "0": 5, "1": 6, "2": "7"}
    upload(world, "7,8\n", has_header=False, name="d", attribute_names=("1",))
    assert rows(world, "d") == [{"string_id": "0", "0": 7, "1": "8"}]


def test_a_cell_that_is_no_number_among_numbers_is_named(world, project):
    with pytest.raises(InvalidInput, match=r"Row 3, column 'b': expected a number.*'x'"):
        upload(world, "a,b\n1,2\n3,4\n5,x\n")
    upload(world, "a,b\n1,2\n3,x\n5,y\n")
    assert get(world).layout.attributes == ("b",)
    upload(world, "a,b\n1,2\n3,4\n5,x\n", name="d", attribute_names=("b",))
    assert [row["b"] for row in rows(world, "d")] == ["2", "4", "x"]


def test_a_file_with_a_row_that_cannot_be_read_is_refused_whole(world, project):
    with pytest.raises(InvalidInput, match="Line 3"):
        upload(world, "a,b\n1,2\n3,4,5\n6,7\n")
    assert world.collections.list(world.actor, "p") == ()
    assert list(world.blobs.keys()) == []


def test_names_that_the_file_does_not_have_are_refused(world, project):
    with pytest.raises(InvalidInput, match="'z'"):
        upload(world, CSV, attribute_names=("z",))
    with pytest.raises(InvalidInput, match="'z'"):
        upload(world, CSV, id_column="z")
    with pytest.raises(InvalidInput, match="2 columns of numbers"):
        upload(world, CSV, dim=3)


def test_json_rows_are_read_like_a_csv_file(world, project):
    given = [{"f1": 1, "kind": "A", "ok": True, "y": 1}, {"f1": 2.5, "kind": "B", "ok": False, "y": 2}]
    upload(world, json.dumps(given), "json", attribute_names=("y", "ok"))
    upload(world, "\n".join(map(json.dumps, given)), "json")
    assert get(world).layout.components == ("f1",)
    first = {"f1": 1, "kind": "A", "ok": "true", "y": "1"}
    assert rows(world)[0] == {"string_id": "0"} | first
    assert rows(world)[2] == {"string_id": "2"} | first


def test_a_csv_file_is_packed_into_the_vectors_of_a_collection(world, dense):
    insert(world, a_batch("a", attributes=[{"label": "1"}]))
    upload(world, "x,label,y,z,kind\n1,2,3,4,K\n5,6,7,8,L\n")
    assert rows(world)[1:] == [
        {"string_id": "0", "vector": [1, 3, 4], "label": "2", "kind": "K"},
        {"string_id": "1", "vector": [5, 7, 8], "label": "6", "kind": "L"},
    ]
    with pytest.raises(InvalidInput, match=r"Row 2, column 'y': the number is missing"):
        upload(world, "x,y,z\n1,2,3\n1,,3\n")
    with pytest.raises(InvalidInput, match="2 numbers each, and the vectors of the collection 3"):
        upload(world, "x,y\n1,2\n")
    with pytest.raises(InvalidInput, match="beyond float32"):
        upload(world, "x,y,z\n1,2,1e300\n")


def test_a_batch_is_put_into_the_columns_of_a_table(world, project):
    upload(world, "f1,kind,f2\n1,A,2\n")
    insert(world, a_batch("a", dim=2, attributes=[{"kind": "B", "more": "x"}]))
    assert rows(world)[1] == {"string_id": "a", "f1": 0, "f2": 1, "kind": "B", "more": "x"}
    with pytest.raises(InvalidInput, match="3 numbers each"):
        insert(world, a_batch("b"))
    with pytest.raises(InvalidInput, match="named 'f1'"):
        insert(world, a_batch("b", dim=2, attributes=[{"f1": "1"}]))


def test_a_dataset_that_came_another_way_is_a_collection_too(world):
    view = world.a_dataset("age,plan,ok\n20,basic,true\n", name="people")
    batch = VectorBatch(matrix=np.array([[21.5]], np.float32), attributes=[{"plan": "plus", "ok": "false"}])
    world.collections.insert(world.actor, "default", "people", batch, naming=NAMING)
    assert world.datasets.rows(world.actor, view.dataset.id).rows[1] == [21.5, "plus", False]
    with pytest.raises(InvalidInput, match="no ids"):
        world.collections.insert(world.actor, "default", "people", replace(batch, ids=["a"]), naming=NAMING)


def test_ids_that_are_whole_numbers_stay_such(world):
    view = world.a_dataset("id,age\n1,20\n2,30\n", name="people", id_column="id")
    for ids in (["3"], None):
        batch = VectorBatch(ids=ids, matrix=np.array([[21]], np.float32))
        world.collections.insert(world.actor, "default", "people", batch, naming=NAMING)
    assert [row[0] for row in world.datasets.rows(world.actor, view.dataset.id).rows] == [1, 2, 3, 0]
    with pytest.raises(InvalidInput, match="whole numbers, got '01'"):
        world.collections.insert(world.actor, "default", "people", replace(batch, ids=["01"]), naming=NAMING)


def test_rows_of_a_file_have_an_id_each_of_their_own(world, project):
    with pytest.raises(InvalidInput, match="Row 2 has the id 'a'"):
        upload(world, "id,x\na,1\na,2\n", id_column="id")
    with pytest.raises(InvalidInput, match="Row 2 has no id"):
        upload(world, "id,x\na,1\n,2\n", id_column="id")


def test_a_compressed_file_is_read_too(world, project):
    upload(world, gzip.compress(CSV.encode()))
    assert get(world).version.n_rows == 2


def test_lists_in_json_rows_are_vectors(world, project):
    upload(world, json.dumps([{"data": [1, 2], "y": "a"}, {"data": [3, 4], "y": "b"}]), "json")
    assert rows(world)[1] == {"string_id": "1", "vector": [3, 4], "y": "b"}


# --- files of vectors -------------------------------------------------------------------------------------------------

LIBSVM = "1 1:0.5 3:2\n0 2:1\n"


def test_a_libsvm_file_makes_a_collection_of_sparse_vectors(world, project):
    upload(world, LIBSVM, "libsvm")
    assert rows(world) == [
        {"string_id": "0", "vector": {"indices": [0, 2], "values": [0.5, 2]}, "label": "1"},
        {"string_id": "1", "vector": {"indices": [1], "values": [1]}, "label": "0"},
    ]
    assert (get(world).layout.dim, get(world).layout.is_sparse) == (3, True)


def test_indices_count_from_one_unless_the_first_file_has_a_zero(world, project):
    upload(world, "1 0:5 1:6\n", "libsvm")
    upload(world, "1 1:7\n", "libsvm")
    assert [row["vector"]["indices"] for row in rows(world)] == [[0, 1], [1]]
    upload(world, LIBSVM, "libsvm", name="d")
    with pytest.raises(InvalidInput, match="index 0"):
        upload(world, "1 0:5\n", "libsvm", name="d")


def test_first_files_that_come_at_once_and_count_otherwise_are_not_mixed(world, dense, monkeypatch):
    coming = world.collections._growing.coming
    others = [lambda: upload(world, "1 0:5\n", "libsvm")]

    def meanwhile(*given, **more):
        while others:
            others.pop()()
        return coming(*given, **more)

    monkeypatch.setattr(world.collections._growing, "coming", meanwhile)
    with pytest.raises(Conflict, match="count from 0"):
        upload(world, LIBSVM, "libsvm")
    assert get(world).version.n_rows == 1


def test_a_libsvm_file_may_make_or_fill_dense_vectors(world, dense):
    upload(world, LIBSVM, "libsvm", attribute_names=("y",))
    assert [(row["vector"], row["y"]) for row in rows(world)] == [([0.5, 0, 2], "1"), ([0, 1, 0], "0")]
    with pytest.raises(InvalidInput, match="component 3"):
        upload(world, "1 4:1\n", "libsvm")
    upload(world, LIBSVM, "libsvm", name="d", storage=Storage.DENSE)
    assert rows(world, "d")[0]["vector"] == [0.5, 0, 2]


def test_libsvm_rows_without_labels_have_no_attribute(world, project):
    upload(world, "1:0.5 2:1\n2:1\n", "libsvm", ids=["a", "b"], attributes=[{"x": "1"}, {}])
    assert [(row["string_id"], row["x"]) for row in rows(world)] == [("a", "1"), ("b", None)]
    assert get(world).layout.attributes == ("x",)


def test_a_binary_file_holds_vectors_one_after_the_other(world, project):
    content = np.arange(6, dtype="<f4").tobytes()
    upload(world, content, "binary", dim=3, ids=["a", "b"], attributes=[{"x": "1"}, {"x": "2"}])
    assert rows(world) == [
        {"string_id": "a", "vector": [0, 1, 2], "x": "1"},
        {"string_id": "b", "vector": [3, 4, 5], "x": "2"},
    ]
    upload(world, content, "binary")
    assert get(world).version.n_rows == 4
    with pytest.raises(InvalidInput, match="no whole rows"):
        upload(world, content[:-4], "binary")
    with pytest.raises(InvalidInput, match="not finite"):
        upload(world, np.array([1, np.nan, 3], "<f4").tobytes(), "binary")
    with pytest.raises(InvalidInput, match="the dimension"):
        upload(world, content, "binary", name="d")
    with pytest.raises(InvalidInput, match="1 ids came, and the file has 2 rows"):
        upload(world, content, "binary", ids=["c"])


def test_vectors_of_a_file_that_are_too_long_are_refused(world, project, monkeypatch):
    monkeypatch.setattr("athanor.services.collections.layout.MOST_COMPONENTS", 2)
    with pytest.raises(InvalidInput, match="not 3"):
        upload(world, np.zeros(3, "<f4").tobytes(), "binary", dim=3)


def test_a_sparse_file_is_not_made_dense_where_that_takes_more_than_there_may_be(world, project):
    for index in (200_001, 2**31 - 2):
        with pytest.raises(InvalidInput, match="have 1 to"):
            upload(world, f"1 {index}:1\n", "libsvm", storage=Storage.DENSE)
    with pytest.raises(InvalidInput, match="Sparse vectors have 1 to 16,777,216 components"):
        upload(world, f"1 {2**31 - 2}:1\n", "libsvm")


def test_a_file_with_other_separators_is_no_table_of_one_column(world, project):
    with pytest.raises(InvalidInput, match="separated by commas"):
        upload(world, "a;b\n1;2\n3;4\n")


def test_an_unknown_format_is_refused(world, project):
    with pytest.raises(InvalidInput, match="csv, json, libsvm, binary"):
        upload(world, CSV, "xlsx")


def test_files_are_shaped_in_parts(world, dense, monkeypatch):
    monkeypatch.setattr("athanor.services.collections.shaping._AT_ONCE", 160)
    upload(world, "x,y,z\n" + "".join(f"{n},{n},{n}\n" for n in range(7)))
    assert [row["vector"][0] for row in rows(world)] == list(range(7))
    assert [row["string_id"] for row in rows(world)] == [str(n) for n in range(7)]
    with pytest.raises(InvalidInput, match="Row 4, column 'y'"):
        upload(world, "x,y,z\n1,1,1\n1,1,1\n1,1,1\n1,,1\n")


def test_a_file_is_shaped_by_as_many_rows_as_there_is_room_for_their_cells():
    table = Layout(id_column="id", vector=None, components=("x",) * 100, attributes=("a",) * 50)
    assert rows_at_once(table, 2**20) <= 2**20 // (100 * 8 + 50 * 32)
    assert rows_at_once(table, 1) == 1


# --- what is said of vectors ------------------------------------------------------------------------------------------


def test_a_dimension_that_is_said_holds_for_files_and_batches(world, dense, project):
    for content, file_format in (("x,y,z\n1,2,3\n", "csv"), (LIBSVM, "libsvm")):
        with pytest.raises(InvalidInput, match="have 3 numbers, and the dimension is said to be 4"):
            upload(world, content, file_format, dim=4)
    with pytest.raises(InvalidInput, match="the dimension is said to be 4"):
        insert(world, a_batch("a"), dim=4)
    insert(world, VectorBatch(ids=["a"], matrix=csr_matrix([[0, 1.0]])), name="new", storage=Storage.SPARSE, dim=9)
    assert (get(world, "new").layout.dim, get(world, "new").layout.grows) == (9, False)


def test_the_vectors_of_a_file_are_no_longer_than_is_said(world, sparse):
    with pytest.raises(InvalidInput, match="that came have 3 numbers, and the dimension is said to be 2"):
        upload(world, LIBSVM, "libsvm", dim=2)
    upload(world, LIBSVM, "libsvm", dim=5)


def test_a_table_of_columns_makes_no_sparse_vectors(world, project):
    with pytest.raises(InvalidInput, match="dense"):
        upload(world, "x,y\n1,2\n", storage=Storage.SPARSE)


@pytest.mark.parametrize(
    ("content", "file_format"),
    [
        ("x,y,z\n0,255,7\n0,{},7\n", "csv"),
        ("1 1:0 2:255\n1 2:{}\n", "libsvm"),
        ('[{{"x": 0, "y": 1, "z": 2}}, {{"x": 0, "y": {}, "z": 2}}]', "json"),
    ],
)
def test_vectors_of_bytes_take_whole_numbers_up_to_255_from_files_too(world, project, content, file_format):
    world.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=3, labels={COMPONENTS: UINT8})
    for wrong in ("1.5", "256", "-999"):
        with pytest.raises(InvalidInput, match=rf"Row 2, component 1 .* from 0 to 255, {wrong} came"):
            upload(world, content.format(wrong), file_format)
    upload(world, content.format("3"), file_format)
    assert rows(world)[1]["vector"][1] == 3


def test_vectors_of_bytes_take_whole_numbers_up_to_255_from_batches_and_changes(world, project):
    world.collections.create(world.actor, "p", "c", storage=Storage.DENSE, dim=3, labels={COMPONENTS: UINT8})
    for wrong in (1.5, 256, -1):
        matrix = np.array([[0, 255, wrong]], np.float32)
        for came in (matrix, csr_matrix(matrix)):
            with pytest.raises(InvalidInput, match="Row 1, component 2"):
                insert(world, VectorBatch(matrix=came))
    insert(world, VectorBatch(ids=["a"], matrix=np.array([[0, 255, 3]], np.float32)))
    with pytest.raises(InvalidInput, match="Row 1, component 2"):
        world.collection_rows.update(world.actor, "p", "c", ["a"], matrix=matrix)
    with pytest.raises(InvalidInput, match="from 0 to 255"):
        upload(world, np.array([1, 2, 3.5], "<f4").tobytes(), "binary")


def test_numbers_of_a_json_file_that_are_kept_as_texts_are_spelled_as_those_of_a_batch(world, project):
    content = json.dumps([{"x": 1, "a": 1.0, "b": 1e20, "c": True, "d": "1.0"}, {"x": 2, "a": 2.5, "d": "2"}])
    upload(world, content, "json", attribute_names=("a", "b", "c", "d"))
    assert [rows(world)[0][name] for name in "abcd"] == ["1", "1e+20", "true", "1.0"]


def test_files_inflate_to_two_gigabytes_or_to_what_the_setting_allows(world, project, monkeypatch):
    monkeypatch.setattr("athanor.services.collections.formats.LARGEST_INFLATED", 10_000)
    with pytest.raises(TooLarge, match="10,000 bytes"):
        upload(world, gzip.compress(b"x\n" + b"1\n" * 5_001))
    monkeypatch.setattr(world.arrivals, "_inflated_limit", 1_000)
    with pytest.raises(TooLarge, match="1,000 bytes"):
        upload(world, gzip.compress(b"x\n" + b"1\n" * 501))
    assert list(world.scratch.iterdir()) == []
