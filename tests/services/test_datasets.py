from __future__ import annotations

import io
from threading import Barrier, Thread

import numpy as np
import polars as pl
import pytest

from athanor.core.actor import Scope
from athanor.core.dataset import SegmentKind
from athanor.core.job import JobState
from athanor.engine.readers import segmenting
from athanor.engine.tables.frames import SPARSE
from athanor.engine.tables.schema import ColumnType, Storage
from athanor.engine.tables.segments import read_segments
from athanor.engine.task import Task
from athanor.errors import AthanorError, Conflict, InvalidInput, NotFound, NotSupported, ScopeMissing, Unavailable
from athanor.services.execution import Execution
from athanor.services.profile import make_profile
from athanor.services.rows import compaction, growing, row_pages

PEOPLE = "id,name,age\n" + "".join(f"p{number},name {number},{20 + number}\n" for number in range(5))


@pytest.fixture
def people(world):
    """A dataset of five rows that `id` names: p0 to p4."""
    return world.a_dataset(PEOPLE, name="people", id_column="id").dataset.id


@pytest.fixture
def plain(world):
    """The same rows without ids."""
    return world.a_dataset(PEOPLE, name="plain").dataset.id


def append(world, dataset_id, text, filename="more.csv", **more):
    path = world.a_file(text, filename)
    return world.datasets.append(world.actor, dataset_id, path, filename=filename, **more)


def rows_like(*numbers):
    return "id,name,age\n" + "".join(f"p{number},name {number},{20 + number}\n" for number in numbers)


def ids(world, dataset_id, version=None):
    found, offset = [], 0
    while len(page := world.datasets.rows(world.actor, dataset_id, version=version, offset=offset).rows):
        found += [row[0] for row in page]
        offset += len(page)
    return found


def text_of(download):
    return b"".join(download.chunks).decode()


def segments_of(world, dataset_id):
    found = [segment for segment in world.all_of("segments") if segment.dataset_id == dataset_id]
    return sorted(found, key=lambda segment: segment.position)


def newest(world, dataset_id):
    return world.ingest.get(world.actor, dataset_id).version


# --- appending --------------------------------------------------------------------------------------------------------


def test_appended_rows_stand_behind_those_that_are_there(world, plain):
    view = append(world, plain, rows_like(5, 6))
    assert (view.version.n_rows, view.version.n_segments) == (7, 2)
    assert ids(world, plain) == [f"p{number}" for number in range(7)]


def test_a_version_that_nobody_relies_on_moves_on_with_what_is_appended(world, plain):
    assert append(world, plain, rows_like(5)).version.number == 1
    assert append(world, plain, rows_like(6)).version.number == 1


@pytest.mark.parametrize("reason", ["a run", "its profile", "a job that profiles it", "a download"])
def test_a_version_that_somebody_relies_on_is_frozen(world, plain, reason):
    first = newest(world, plain)
    if reason == "a run":
        world.a_run(dataset=world.ingest.get(world.actor, plain), task=Task(target="age"))
    elif reason == "its profile":
        make_profile(world.records, world.blobs, first.id)
    elif reason == "a download":
        world.datasets.download(world.actor, plain)
    else:
        world.let_jobs_run(first.id)
    view = append(world, plain, rows_like(5))
    assert (view.version.number, view.version.n_rows) == (2, 6)
    assert ids(world, plain, version=1) == ["p0", "p1", "p2", "p3", "p4"]
    assert [version.n_rows for version in world.datasets.versions(world.actor, plain)] == [5, 6]
    assert append(world, plain, rows_like(6)).version.number == 2, "nobody relies on the second"


def test_an_appended_file_is_read_as_the_dataset_s_columns_are(world):
    view = world.a_dataset("code,when\nA,2024-01-01\nB,2024-01-02\n")
    append(world, view.dataset.id, "when,code\n2024-02-01,17\n")
    page = world.datasets.rows(world.actor, view.dataset.id)
    assert page.rows[2] == ["17", "2024-02-01T00:00:00"]


def test_a_cell_that_does_not_fit_is_refused_and_nothing_is_appended(world, plain):
    with pytest.raises(InvalidInput, match=r"(?i)line 3.*age|row 2.*age|age.*(line 3|row 2)"):
        append(world, plain, "id,name,age\np5,five,25\np6,six,old\n")
    assert newest(world, plain).n_rows == 5
    assert len(list(world.blobs.keys())) == 1


def test_a_column_that_is_not_in_the_file_is_missing_in_its_rows(world, plain):
    append(world, plain, "id,age\np5,25\n")
    assert world.datasets.rows(world.actor, plain, offset=5).rows == [["p5", None, 25]]


def test_a_column_that_the_dataset_lacks_is_refused_by_name(world, plain):
    with pytest.raises(InvalidInput, match="'town'"):
        append(world, plain, "id,age,town\np5,25,Ulm\n")
    with pytest.raises(InvalidInput, match="Row 2 has 1 columns that the dataset does not have: 'town'"):
        world.datasets.append_rows(world.actor, plain, [{"id": "p5"}, {"id": "p6", "town": "Ulm"}])


def test_the_same_bytes_are_appended_once(world, plain):
    first = append(world, plain, rows_like(5))
    assert append(world, plain, rows_like(5)).version == first.version
    assert append(world, plain, rows_like(6)).version.n_rows == 7
    assert append(world, plain, rows_like(5)).version.n_rows == 7, "also when others came since"


def test_the_same_bytes_are_appended_again_once_rows_were_deleted(world, people):
    append(world, people, rows_like(5))
    world.datasets.delete_rows(world.actor, people, ["p5"])
    assert append(world, people, rows_like(5)).version.n_rows == 6


def test_rows_of_a_program_are_appended(world, plain):
    view = world.datasets.append_rows(
        world.actor, plain, [{"id": "p5", "name": "five", "age": 25}, {"id": "p6", "age": None}]
    )
    assert view.version.n_rows == 7
    assert world.datasets.rows(world.actor, plain, offset=5).rows == [["p5", "five", 25], ["p6", None, None]]


def test_a_row_of_a_program_that_does_not_fit_is_named(world, plain):
    with pytest.raises(InvalidInput, match="Row 2, column 'age'"):
        world.datasets.append_rows(world.actor, plain, [{"age": 1}, {"age": "old"}])
    with pytest.raises(InvalidInput, match="No rows came"):
        world.datasets.append_rows(world.actor, plain, [])


def test_numbers_that_are_not_whole_make_room_for_themselves(world, plain):
    world.datasets.append_rows(world.actor, plain, [{"id": "p5", "age": 25.5}])
    append(world, plain, "id,age\np6,26.5\n")
    assert newest(world, plain).schema["age"].storage is Storage.FLOAT
    assert [row[2] for row in world.datasets.rows(world.actor, plain, offset=4).rows] == [24, 25.5, 26.5]


@pytest.mark.parametrize(
    ("cell", "wanted"), [(66.5, "a whole number, as the ids"), (9007199254740993, r"at most 2\*\*53"), (10**20, "2")]
)
def test_a_row_whose_id_would_be_kept_as_another_number_is_refused(world, cell, wanted):
    numbered = world.a_dataset("id,name\n1,Ann\n2,Bob\n", name="numbered", id_column="id").dataset.id
    with pytest.raises(InvalidInput, match=rf"Row 2, column 'id': expected .*{wanted}.*got {cell}"):
        world.datasets.append_rows(world.actor, numbered, [{"id": 3}, {"id": cell}])
    assert world.datasets.rows(world.actor, numbered).total == 2


def test_a_parquet_file_that_keeps_columns_otherwise_is_read_as_the_dataset_s(world, plain):
    path = world.folder / "other.parquet"
    pl.DataFrame({"age": ["25", None], "id": [5, 6]}).write_parquet(path)
    world.datasets.append(world.actor, plain, path, filename=path.name)
    assert world.datasets.rows(world.actor, plain, offset=5).rows == [["5", None, 25], ["6", None, None]]
    pl.DataFrame({"age": ["25", "old"], "id": ["a", "b"]}).write_parquet(path)
    with pytest.raises(InvalidInput, match=r"(?i)age.*row 2|row 2.*age"):
        world.datasets.append(world.actor, plain, path, filename=path.name)


def test_what_columns_mean_is_found_out_anew_as_a_dataset_grows(world):
    dataset_id = world.a_dataset("kind,size\na,1\n").dataset.id
    assert {column.type for column in newest(world, dataset_id).schema.columns} == {ColumnType.CONSTANT}
    for number in range(40):
        world.datasets.append_rows(world.actor, dataset_id, [{"kind": "ab"[number % 2], "size": number / 4}])
    schema = newest(world, dataset_id).schema
    assert (schema["kind"].type, schema["size"].type) == (ColumnType.CATEGORICAL, ColumnType.NUMERIC)


def test_two_at_once_that_append_both_get_through(world, plain):
    barrier = Barrier(2)
    failed = []

    def one(number):
        path = world.a_file(rows_like(number), f"{number}.csv")
        barrier.wait()
        try:
            world.datasets.append(world.actor, plain, path, filename=path.name)
        except AthanorError as error:
            failed.append(error)

    threads = [Thread(target=one, args=(number,)) for number in (5, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(ids(world, plain)) == [f"p{number}" for number in range(7)]
    assert newest(world, plain).n_rows == 7


def test_two_at_once_that_append_the_same_file_append_it_once(world, plain):
    barrier = Barrier(2)
    path = world.a_file(rows_like(5), "same.csv")

    def one():
        barrier.wait()
        world.datasets.append(world.actor, plain, path, filename=path.name)

    threads = [Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert newest(world, plain).n_rows == 6
    assert len(list(world.blobs.keys("segments"))) == 2


# --- vectors ----------------------------------------------------------------------------------------------------------


def append_frame(world, dataset_id, frame):
    path = world.folder / "frame.parquet"
    frame.write_parquet(path)
    return world.datasets.append(world.actor, dataset_id, path, filename=path.name)


@pytest.fixture
def embedded(world):
    """Two rows of dense vectors of three numbers, named a and b."""
    frame = pl.DataFrame({"id": ["a", "b"], "v": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    path = world.folder / "vectors.parquet"
    frame.with_columns(pl.col("v").cast(pl.Array(pl.Float32, 3))).write_parquet(path)
    return world.ingest.receive(path, filename=path.name, name=None, actor=world.actor, id_column="id").dataset.id


def test_vectors_of_a_file_are_appended(world, embedded):
    frame = pl.DataFrame({"id": ["c"], "v": pl.Series([[7, 8, 9]], dtype=pl.Array(pl.Float32, 3))})
    assert append_frame(world, embedded, frame).version.n_rows == 3
    assert world.datasets.rows(world.actor, embedded, offset=1).rows == [["b", [4, 5, 6]], ["c", [7, 8, 9]]]


def test_vectors_of_another_length_and_rows_without_one_are_refused(world, embedded):
    with pytest.raises(InvalidInput, match="vectors of 3 numbers"):
        append_frame(world, embedded, pl.DataFrame({"id": ["c"], "v": [[1.0, 2.0]]}))
    with pytest.raises(InvalidInput, match="single values where dense values are expected"):
        append_frame(world, embedded, pl.DataFrame({"id": ["c"], "v": [1.0]}))
    with pytest.raises(InvalidInput, match="'v' is not there, and a vector cannot be missing"):
        append_frame(world, embedded, pl.DataFrame({"id": ["c"]}))


def test_sparse_vectors_stay_sparse(world):
    types = {"id": pl.String, "v": SPARSE}
    path = world.folder / "sparse.parquet"
    pl.DataFrame({"id": ["a"], "v": [{"indices": [3], "values": [1.5]}]}, schema=types).write_parquet(path)
    view = world.ingest.receive(path, filename=path.name, name=None, actor=world.actor)
    more = pl.DataFrame({"id": ["b"], "v": [{"indices": [1], "values": [2.5]}]}, schema=types)
    append_frame(world, view.dataset.id, more)
    assert world.datasets.rows(world.actor, view.dataset.id).rows == [
        ["a", {"indices": [3], "values": [1.5]}],
        ["b", {"indices": [1], "values": [2.5]}],
    ]


def test_sparse_vectors_of_more_components_make_room_for_themselves(world):
    sparse = {"v": pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)})}

    def a_file(name, index):
        path = world.folder / name
        pl.DataFrame({"v": [{"indices": [index], "values": [1.5]}]}, schema=sparse).write_parquet(path)
        return path

    first = world.ingest.receive(a_file("a.parquet", 3), filename="a.parquet", name=None, actor=world.actor)
    path = a_file("b.parquet", 90)
    view = world.datasets.append(world.actor, first.dataset.id, path, filename=path.name)
    assert (first.version.schema["v"].dim, view.version.schema["v"].dim) == (4, 91)
    assert world.datasets.rows(world.actor, first.dataset.id).rows[1][0] == {"indices": [90], "values": [1.5]}


# --- row ids ----------------------------------------------------------------------------------------------------------


def test_an_id_that_comes_twice_in_a_file_is_refused(world):
    with pytest.raises(InvalidInput, match="Row 3 has the id 'a' in column 'id', as a row before it has"):
        world.a_dataset("id,x\na,1\nb,2\na,3\n", id_column="id")
    assert list(world.blobs.keys()) == []


def test_a_row_without_an_id_is_refused(world):
    with pytest.raises(InvalidInput, match="Row 2 has no id"):
        world.a_dataset("id,x\na,1\n,2\nc,3\n", id_column="id")


def test_only_texts_and_whole_numbers_name_rows(world):
    with pytest.raises(InvalidInput, match="cannot name rows"):
        world.a_dataset("id,x\n1.5,1\n2.5,2\n", id_column="id")
    with pytest.raises(InvalidInput, match="No column named 'nr'"):
        world.a_dataset("id,x\n1,1\n2,2\n", id_column="nr")
    assert world.a_dataset("id,x\n1,1\n2,2\n", id_column="id").dataset.id_column == "id"


def test_an_id_that_is_taken_is_refused_and_nothing_is_appended(world, people):
    with pytest.raises(Conflict, match="Row 2: the id 'p3'") as raised:
        append(world, people, rows_like(5, 3))
    assert raised.value.code == "row-id-taken"
    assert newest(world, people).n_rows == 5
    assert len(list(world.blobs.keys())) == 2


def test_a_hash_that_two_ids_share_takes_no_id(world, people, monkeypatch):
    from athanor.services.rows import row_ids

    monkeypatch.setattr(row_ids, "hashes_of", lambda texts: np.zeros(len(list(texts)), np.uint64))
    view = world.a_dataset(PEOPLE.replace("p", "q"), id_column="id")
    append(world, view.dataset.id, rows_like(5).replace("p5", "q5"))
    assert newest(world, view.dataset.id).n_rows == 6
    with pytest.raises(Conflict, match="'q5'"):
        world.datasets.append_rows(world.actor, view.dataset.id, [{"id": "q5"}])
    assert world.datasets.delete_rows(world.actor, view.dataset.id, ["q1", "nobody"]) == 1


def test_ids_that_came_while_a_file_was_read_are_seen(world, people, monkeypatch):
    """Two append the same id at once: the second finds it although it was not there when it looked."""
    looked = world.datasets._growing.present(world.actor, people)
    append(world, people, rows_like(5))
    monkeypatch.setattr(world.datasets._growing, "present", lambda *_: looked)
    with pytest.raises(Conflict, match="'p5'"):
        world.datasets.append_rows(world.actor, people, [{"id": "p5"}])


# --- deleting rows ----------------------------------------------------------------------------------------------------


def test_deleted_rows_are_gone_from_the_newest_version_and_stay_in_frozen_ones(world, people):
    make_profile(world.records, world.blobs, newest(world, people).id)
    assert world.datasets.delete_rows(world.actor, people, ["p1", "p3", "nobody", "p1"]) == 2
    assert ids(world, people) == ["p0", "p2", "p4"]
    assert newest(world, people).n_rows == 3
    assert ids(world, people, version=1) == ["p0", "p1", "p2", "p3", "p4"]


def test_a_run_and_a_profile_see_the_rows_that_are_left(world, people):
    world.datasets.delete_rows(world.actor, people, ["p1", "p3"])
    append(world, people, rows_like(1))
    run = world.a_run(dataset=world.ingest.get(world.actor, people), task=Task(target="age")).run
    held, schema = Execution(world.records, world.clock).table_of(run)
    paths, deleted = held.files(world.blobs)
    names = read_segments(paths, schema, without=deleted)["id"]
    assert [names.vocabulary[code] for code in names.codes] == ["p0", "p2", "p4", "p1"]
    make_profile(world.records, world.blobs, run.version_id)
    assert world.ingest.profile(world.actor, people).profile["n_rows"] == 4


def test_deleting_rows_that_are_not_there_changes_nothing(world, people):
    before = newest(world, people)
    assert world.datasets.delete_rows(world.actor, people, ["nobody"]) == 0
    assert newest(world, people) == before


def test_the_id_of_a_deleted_row_may_come_again(world, people):
    world.datasets.delete_rows(world.actor, people, ["p1"])
    append(world, people, "id,name,age\np1,again,99\n")
    assert ids(world, people) == ["p0", "p2", "p3", "p4", "p1"]
    with pytest.raises(Conflict):
        world.datasets.append_rows(world.actor, people, [{"id": "p1"}])
    assert world.datasets.delete_rows(world.actor, people, ["p1"]) == 1
    assert ids(world, people) == ["p0", "p2", "p3", "p4"]


def test_rows_that_come_while_others_are_deleted_stay(world, people, monkeypatch):
    looked = world.datasets._growing.present(world.actor, people)
    append(world, people, rows_like(5))
    monkeypatch.setattr(world.datasets._growing, "present", lambda *_: looked)
    assert world.datasets.delete_rows(world.actor, people, ["p1"]) == 1
    assert newest(world, people).n_rows == 5
    assert ids(world, people) == ["p0", "p2", "p3", "p4", "p5"]


def test_a_row_that_two_delete_at_once_is_deleted_once(world, people, monkeypatch):
    looked = world.datasets._growing.present(world.actor, people)
    world.datasets.delete_rows(world.actor, people, ["p1"])
    monkeypatch.setattr(world.datasets._growing, "present", lambda *_: looked)
    with pytest.raises(Conflict, match="deleted by somebody else"):
        world.datasets.delete_rows(world.actor, people, ["p1", "p2"])
    assert newest(world, people).n_rows == 4


def test_rows_without_ids_cannot_be_deleted(world, plain):
    with pytest.raises(InvalidInput, match="have no ids"):
        world.datasets.delete_rows(world.actor, plain, ["p1"])


def test_a_page_has_a_bounded_number_of_cells(world, plain, monkeypatch):
    monkeypatch.setattr(row_pages, "MOST_CELLS", 6)
    with pytest.raises(InvalidInput, match=r"3 rows .* `limit`.* `columns`"):
        world.datasets.rows(world.actor, plain, limit=3)
    assert len(world.datasets.rows(world.actor, plain, limit=2).rows) == 2
    assert len(world.datasets.rows(world.actor, plain, limit=100, columns=["id"]).rows) == 5


@pytest.mark.parametrize("storage", ["dense", "sparse"])
def test_components_of_vectors_are_cells_of_a_page(world, monkeypatch, storage):
    dense = pl.Series("v", [[1.0, 2.0, 3.0]] * 4)
    numbers = {"indices": [0, 1, 2], "values": [1.0, 2.0, 3.0]}
    path = world.folder / "vectors.parquet"
    pl.DataFrame({"v": dense if storage == "dense" else [numbers] * 4}).write_parquet(path)
    view = world.ingest.receive(path, filename=path.name, name=None, actor=world.actor)
    monkeypatch.setattr(row_pages, "MOST_CELLS", 2)
    with pytest.raises(InvalidInput, match="each component of a vector"):
        world.datasets.rows(world.actor, view.dataset.id, limit=2)
    assert len(world.datasets.rows(world.actor, view.dataset.id, limit=1).rows) == 1, "else it could not be seen"


def test_vectors_in_another_storage_than_the_dataset_s_are_written_anew_segment_by_segment(world, monkeypatch):
    path = world.folder / "dense.parquet"
    pl.DataFrame({"v": [[1.0, 0.0, 2.0]]}).write_parquet(path)
    view = world.ingest.receive(path, filename=path.name, name=None, actor=world.actor)
    write = segmenting.write_segments
    monkeypatch.setattr(segmenting, "write_segments", lambda *given, **more: write(*given, **more, largest_rows=2))
    sparse = [{"indices": [place % 3], "values": [place + 1.0]} for place in range(5)]
    pl.DataFrame({"v": sparse}).write_parquet(path)
    appended = world.datasets.append(world.actor, view.dataset.id, path, filename=path.name)
    assert appended.version.n_segments == 4
    rows = world.datasets.rows(world.actor, view.dataset.id, offset=1).rows
    assert rows == [[[1, 0, 0]], [[0, 2, 0]], [[0, 0, 3]], [[4, 0, 0]], [[0, 5, 0]]]


def test_columns_that_could_not_be_judged_are_told_in_the_log(world, plain, monkeypatch, caplog):
    def damaged(*_):
        raise InvalidInput("The segment cannot be read.")

    monkeypatch.setattr(growing, "judged", damaged)
    assert append(world, plain, rows_like(*range(5, 20))).version.n_rows == 20
    assert [record.error for record in caplog.records if record.msg == "columns not judged"] == [
        "The segment cannot be read."
    ]


def test_pages_count_only_rows_that_are_left(world, people):
    append(world, people, rows_like(5, 6, 7))
    world.datasets.delete_rows(world.actor, people, ["p0", "p6"])
    page = world.datasets.rows(world.actor, people, offset=3, limit=2, columns=["age", "id"])
    assert (page.columns, page.rows, page.total) == (("age", "id"), [[24, "p4"], [25, "p5"]], 6)


# --- new versions -----------------------------------------------------------------------------------------------------


def replace_all(world, dataset_id, text):
    path = world.a_file(text, "new.csv")
    return world.datasets.new_version(world.actor, dataset_id, path, filename="new.csv")


def test_a_new_version_takes_the_place_of_the_rows_and_may_have_other_columns(world, plain):
    view = replace_all(world, plain, "town,people\nUlm,126000\nBonn,330000\n")
    assert (view.version.number, view.version.n_rows, view.version.schema.names) == (2, 2, ("town", "people"))
    assert ids(world, plain) == ["Ulm", "Bonn"]
    assert ids(world, plain, version=1) == ["p0", "p1", "p2", "p3", "p4"]
    append(world, plain, "town,people\nJena,111000\n")
    assert ids(world, plain) == ["Ulm", "Bonn", "Jena"]


def test_the_bytes_of_the_newest_version_are_no_new_version(world, plain):
    assert replace_all(world, plain, PEOPLE).version.number == 1
    append(world, plain, rows_like(5))
    assert replace_all(world, plain, PEOPLE).version.number == 2


def test_a_new_version_has_the_ids_that_the_dataset_has(world, people):
    with pytest.raises(InvalidInput, match="No column named 'id'"):
        replace_all(world, people, "town,people\nUlm,126000\n")
    replace_all(world, people, "id,x\np1,1\nz,2\n")
    with pytest.raises(Conflict, match="'p1'"):
        world.datasets.append_rows(world.actor, people, [{"id": "p1"}])
    world.datasets.append_rows(world.actor, people, [{"id": "p0"}])  # of the version before


# --- downloads --------------------------------------------------------------------------------------------------------

ODD = [
    "plain",
    "with, comma",
    'with "quotes"',
    "with\nline end",
    "ümlaut ☃",
    "=SUM(A1:A2)",
    None,
]


def odd_table(world):
    frame = pl.DataFrame(
        {
            "word": ODD,
            "number": [0.1, 1e300, -2.5e-7, None, 3.0, 123456789.123, 1e16],
            "whole": [1, -2, 2**52, None, 5, 6, 7],
            "truth": [True, False, None, True, False, True, False],
            "moment": pl.Series([0, 1, None, 1_700_000_000_123_456, -1, 5, 6], dtype=pl.Int64).cast(pl.Datetime("us")),
        }
    )
    path = world.folder / "odd.parquet"
    frame.write_parquet(path)
    return frame, world.ingest.receive(path, filename=path.name, name="odd", actor=world.actor).dataset.id


@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_a_download_read_again_is_the_same_table(world, file_format):
    frame, dataset_id = odd_table(world)
    download = world.datasets.download(world.actor, dataset_id, file_format=file_format)
    assert download.filename == f"odd-v1.{file_format}"
    path = world.folder / download.filename
    path.write_bytes(b"".join(download.chunks))
    again = world.ingest.receive(path, filename=path.name, name=None, actor=world.actor)
    page = world.datasets.rows(world.actor, dataset_id)
    assert world.datasets.rows(world.actor, again.dataset.id).rows == page.rows
    assert [row[0] for row in page.rows] == ODD
    assert len(page.rows) == frame.height
    assert list(world.scratch.iterdir()) == []


def test_the_missing_cells_of_an_only_column_are_rows_of_the_download(world):
    view = world.a_dataset("x\n1\nNA\n3\n")
    assert text_of(world.datasets.download(world.actor, view.dataset.id)).splitlines() == ["x", "1", "NA", "3"]


def test_deleted_rows_are_not_downloaded(world, people):
    append(world, people, rows_like(5))
    world.datasets.delete_rows(world.actor, people, ["p0", "p5"])
    text = text_of(world.datasets.download(world.actor, people))
    assert [line.split(",")[0] for line in text.splitlines()] == ["id", "p1", "p2", "p3", "p4"]
    content = b"".join(world.datasets.download(world.actor, people, file_format="parquet").chunks)
    assert pl.read_parquet(io.BytesIO(content))["id"].to_list() == ["p1", "p2", "p3", "p4"]


def test_vectors_are_downloaded_as_parquet_alone(world, embedded):
    with pytest.raises(NotSupported, match="Parquet"):
        world.datasets.download(world.actor, embedded)
    content = b"".join(world.datasets.download(world.actor, embedded, file_format="parquet").chunks)
    assert pl.read_parquet(io.BytesIO(content))["v"].to_list() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(InvalidInput, match="'csv' or 'parquet'"):
        world.datasets.download(world.actor, embedded, file_format="xlsx")


def test_a_parquet_download_that_is_broken_off_leaves_nothing(world, people):
    chunks = world.datasets.download(world.actor, people, file_format="parquet").chunks
    next(chunks)
    chunks.close()
    assert list(world.scratch.iterdir()) == []


# --- rejected rows ----------------------------------------------------------------------------------------------------


def test_rows_that_could_not_be_read_are_kept_for_their_owner(world):
    text = "a,b\n" + "".join(f"{number},{number}\n" for number in range(200)) + "only one field\n"
    view = world.a_dataset(text)
    assert view.version.n_rows == 200
    assert any("rejected: 1" in warning for warning in view.version.warnings)
    lines = b"".join(world.datasets.rejects(world.actor, view.dataset.id)).decode().splitlines()
    assert lines[0] == "line,reason,text"
    assert lines[1].startswith("202,")
    assert "only one field" in lines[1]
    append(world, view.dataset.id, text.replace("only", "again"))
    lines = b"".join(world.datasets.rejects(world.actor, view.dataset.id)).decode().splitlines()
    assert len(lines) == 3
    assert lines[0] == "line,reason,text"


def test_a_dataset_without_rejected_rows_has_an_empty_list_of_them(world, plain):
    assert b"".join(world.datasets.rejects(world.actor, plain)) == b"line,reason,text\r\n"


# --- compaction -------------------------------------------------------------------------------------------------------


@pytest.fixture
def six(monkeypatch):
    """Compaction begins when there are more than six small segments."""
    monkeypatch.setattr(compaction, "MOST_SMALL", 6)


def many_small(world, dataset_id, *numbers):
    for number in numbers:
        world.datasets.append_rows(world.actor, dataset_id, [{"id": f"p{number}", "age": number}])


@pytest.mark.usefixtures("six")
def test_many_small_segments_become_one_with_the_same_rows(world, people):
    many_small(world, people, *range(5, 10))
    assert newest(world, people).n_segments == 6
    many_small(world, people, 10)
    (segment,) = segments_of(world, people)
    assert segment.n_rows == newest(world, people).n_rows == 11
    assert newest(world, people).n_segments == 1
    assert ids(world, people) == [f"p{number}" for number in range(11)]
    assert set(world.blobs.keys()) == {segment.blob, segment.ids_blob}
    with pytest.raises(Conflict, match="'p8'"):
        many_small(world, people, 8)


@pytest.mark.usefixtures("six")
def test_merging_applies_deletions_and_keeps_those_of_rows_before(world, people):
    make_profile(world.records, world.blobs, newest(world, people).id)
    many_small(world, people, 5, 6)
    world.datasets.delete_rows(world.actor, people, ["p1", "p5"])
    many_small(world, people, 1, 7, 8)
    world.datasets.delete_rows(world.actor, people, ["p8"])
    kept = [segment.kind for segment in segments_of(world, people)]
    assert kept == [SegmentKind.ROWS, SegmentKind.TOMBSTONES, SegmentKind.ROWS]
    assert ids(world, people) == ["p0", "p2", "p3", "p4", "p6", "p1", "p7"]
    assert newest(world, people).n_rows == 7
    assert ids(world, people, version=1) == ["p0", "p1", "p2", "p3", "p4"]
    many_small(world, people, 5)
    with pytest.raises(Conflict, match="'p1'"):
        many_small(world, people, 1)


@pytest.mark.usefixtures("six")
def test_segments_of_a_frozen_version_are_not_merged(world, people):
    many_small(world, people, *range(5, 9))
    make_profile(world.records, world.blobs, newest(world, people).id)
    frozen = segments_of(world, people)
    many_small(world, people, *range(9, 16))
    assert segments_of(world, people)[: len(frozen)] == frozen
    assert len(segments_of(world, people)) == len(frozen) + 1
    assert ids(world, people, version=1) == [f"p{number}" for number in range(9)]
    assert ids(world, people) == [f"p{number}" for number in range(16)]


@pytest.mark.usefixtures("six")
def test_large_segments_and_ones_with_rejected_rows_are_not_merged(world, monkeypatch):
    rejecting = "id,age\n" + "".join(f"r{number},1\n" for number in range(60)) + "ragged\n"
    dataset_id = world.a_dataset("id,age\n" + "".join(f"q{number},1\n" for number in range(50))).dataset.id
    append(world, dataset_id, rejecting)
    monkeypatch.setattr(compaction, "_SMALL_ROWS", 50)
    many_small(world, dataset_id, *range(7))
    assert [segment.n_rows for segment in segments_of(world, dataset_id)] == [50, 60, 7]


@pytest.mark.usefixtures("six")
def test_a_file_is_known_again_after_it_was_merged(world, people):
    append(world, people, rows_like(5))
    many_small(world, people, *range(6, 11))
    assert newest(world, people).n_segments == 1
    assert append(world, people, rows_like(5)).version.n_rows == 11


@pytest.mark.usefixtures("six")
def test_what_is_appended_while_segments_are_merged_stays(world, people, monkeypatch):
    many_small(world, people, *range(5, 10))
    merge = compaction._merge

    def slow(*given):
        monkeypatch.setattr(compaction, "_merge", merge)
        monkeypatch.setattr(compaction, "MOST_SMALL", 1000)
        many_small(world, people, 100)
        return merge(*given)

    monkeypatch.setattr(compaction, "_merge", slow)
    many_small(world, people, 10)
    assert [segment.position for segment in segments_of(world, people)] == [0, 1]
    assert ids(world, people)[-2:] == ["p10", "p100"]
    assert newest(world, people).n_segments == 2


@pytest.mark.usefixtures("six")
def test_segments_are_merged_by_one_at_a_time(world, people, monkeypatch):
    many_small(world, people, *range(5, 10))
    merge, merged = compaction._merge, []

    def slow(*given):
        merged.append(len(merged))
        if len(merged) == 1:
            many_small(world, people, 100)
        return merge(*given)

    monkeypatch.setattr(compaction, "_merge", slow)
    many_small(world, people, 10)
    assert merged == [0], "whoever came meanwhile left it to the first one"
    many_small(world, people, *range(11, 16))
    assert merged == [0, 1], "and later ones are merged again"


@pytest.mark.usefixtures("six")
@pytest.mark.parametrize("change", ["append", "append a taken id", "delete"])
def test_whoever_looked_before_segments_were_merged_gets_through(world, people, monkeypatch, change):
    many_small(world, people, *range(5, 10))
    looked = [world.datasets._growing.present(world.actor, people)]
    many_small(world, people, 10)
    assert len(segments_of(world, people)) == 1
    present = world.datasets._growing.present
    monkeypatch.setattr(world.datasets._growing, "present", lambda *asked: looked.pop() if looked else present(*asked))
    if change == "append":
        many_small(world, people, 11)
        assert ids(world, people) == [f"p{number}" for number in range(12)]
    elif change == "delete":
        assert world.datasets.delete_rows(world.actor, people, ["p7", "p99"]) == 1
    else:
        with pytest.raises(Conflict, match="'p7'"):
            many_small(world, people, 7)


@pytest.mark.usefixtures("six")
def test_segments_that_are_frozen_while_they_are_merged_stay(world, people, monkeypatch):
    many_small(world, people, *range(5, 10))
    merge = compaction._merge

    def slow(*given):
        world.datasets.download(world.actor, people)
        return merge(*given)

    monkeypatch.setattr(compaction, "_merge", slow)
    many_small(world, people, 10)
    assert len(segments_of(world, people)) == 7
    assert ids(world, people) == [f"p{number}" for number in range(11)]
    assert len(set(world.blobs.keys())) == 14


@pytest.mark.usefixtures("six")
def test_a_merge_that_fails_costs_nothing(world, people, monkeypatch):
    many_small(world, people, *range(5, 10))
    before = set(world.blobs.keys())
    put = world.blobs.put

    def full(key, source, **more):
        if len(segments_of(world, people)) > compaction.MOST_SMALL:
            raise Unavailable("The disk is full.")
        return put(key, source, **more)

    monkeypatch.setattr(world.blobs, "put", full)
    many_small(world, people, 10)
    assert newest(world, people).n_rows == 11
    assert len(set(world.blobs.keys()) - before) == 2
    assert list(world.scratch.iterdir()) == []


# --- the end of a dataset ---------------------------------------------------------------------------------------------


def test_a_deleted_dataset_leaves_nothing(world, people):
    append(world, people, rows_like(5))
    make_profile(world.records, world.blobs, newest(world, people).id)
    world.datasets.delete(world.actor, people)
    for collection in ("datasets", "versions", "segments", "jobs"):
        assert world.all_of(collection) == []
    assert list(world.blobs.keys()) == []
    with pytest.raises(NotFound):
        world.ingest.get(world.actor, people)


def test_a_dataset_that_a_run_was_made_from_is_kept(world):
    run = world.a_run()
    with pytest.raises(Conflict, match="'churn'"):
        world.datasets.delete(world.actor, run.run.dataset_id)
    world.put_in_state(run, JobState.STOPPED)
    world.runs.delete(world.actor, run.run.id)
    world.datasets.delete(world.actor, run.run.dataset_id)


def test_a_dataset_that_a_run_is_validated_on_is_kept(world):
    other = world.a_dataset()
    run = world.a_run(validation_id=other.dataset.id)
    with pytest.raises(Conflict, match="'churn' was validated on this dataset") as caught:
        world.datasets.delete(world.actor, other.dataset.id)
    assert caught.value.code == "dataset-in-use"
    world.runs.delete(world.actor, run.run.id)
    world.datasets.delete(world.actor, other.dataset.id)


def test_blobs_that_another_dataset_shares_stay(world):
    first, second = world.a_dataset(), world.a_dataset()
    world.datasets.delete(world.actor, first.dataset.id)
    assert world.datasets.rows(world.actor, second.dataset.id).rows
    world.datasets.delete(world.actor, second.dataset.id)
    assert list(world.blobs.keys()) == []


def test_rows_whose_shared_blob_goes_meanwhile_are_not_recorded(world):
    first = world.a_dataset()
    sha256 = world.all_of("segments")[0].source_sha256
    arrived = world.arrivals.of_file(
        world.a_file(), filename="same.csv", options=None, sha256=sha256, actor=world.actor
    )
    with arrived as arrival:
        world.datasets.delete(world.actor, first.dataset.id)
        with (
            pytest.raises(Conflict, match="Send the file again"),
            world.records.change(world.actor.organization_id) as transaction,
        ):
            arrival.record(transaction, first.dataset.id, position=0, actor=world.actor, now=world.clock())


# --- around it --------------------------------------------------------------------------------------------------------


def test_a_dataset_gets_another_name_and_labels(world, people):
    assert world.datasets.change(world.actor, people, name=" Folk ").dataset.name == "Folk"
    changed = world.datasets.change(world.actor, people, labels={"team": "north"}).dataset
    assert (changed.name, changed.labels) == ("Folk", {"team": "north"})
    with pytest.raises(InvalidInput):
        world.datasets.change(world.actor, people, name="", labels={})
    assert world.ingest.get(world.actor, people).dataset.labels == {"team": "north"}, "both or neither"
    assert world.ingest.get(world.actor, people).dataset.handle == "people"


def test_what_changes_a_dataset_is_in_the_audit_log(world, people):
    append(world, people, rows_like(5))
    world.datasets.delete_rows(world.actor, people, ["p5"])
    replace_all(world, people, "id,x\na,1\n")
    world.datasets.change(world.actor, people, name="folk")
    world.datasets.delete(world.actor, people)
    actions = ["append", "delete_rows", "new_version", "change", "delete"]
    assert world.audited()[1:] == [f"dataset.{action}" for action in actions]


def test_a_dataset_of_another_organization_does_not_exist(world, people):
    stranger, datasets = world.an_actor(), world.datasets
    path = world.a_file(rows_like(5))
    for asked in (
        lambda: datasets.append(stranger, people, path, filename="a.csv"),
        lambda: datasets.append_rows(stranger, people, [{"id": "x"}]),
        lambda: datasets.delete_rows(stranger, people, ["p1"]),
        lambda: datasets.new_version(stranger, people, path, filename="a.csv"),
        lambda: datasets.versions(stranger, people),
        lambda: datasets.rows(stranger, people),
        lambda: datasets.download(stranger, people),
        lambda: datasets.rejects(stranger, people),
        lambda: datasets.change(stranger, people, name="mine"),
        lambda: datasets.delete(stranger, people),
    ):
        with pytest.raises(NotFound):
            asked()


def test_reading_and_changing_need_their_scopes(world, people):
    reader, writer = world.without(Scope.DATA_WRITE), world.without(Scope.DATA_READ)
    path = world.a_file(rows_like(5))
    for asked in (
        lambda: world.datasets.append(reader, people, path, filename="a.csv"),
        lambda: world.datasets.append_rows(reader, people, [{"id": "x"}]),
        lambda: world.datasets.delete_rows(reader, people, ["p1"]),
        lambda: world.datasets.new_version(reader, people, path, filename="a.csv"),
        lambda: world.datasets.change(reader, people, name="mine"),
        lambda: world.datasets.delete(reader, people),
    ):
        with pytest.raises(ScopeMissing, match="data:write"):
            asked()
    for asked in (
        lambda: world.datasets.versions(writer, people),
        lambda: world.datasets.rows(writer, people),
        lambda: world.datasets.download(writer, people),
        lambda: world.datasets.rejects(writer, people),
    ):
        with pytest.raises(ScopeMissing, match="data:read"):
            asked()


def test_a_version_or_a_page_that_there_is_not_is_refused(world, people):
    with pytest.raises(NotFound, match="no version 7"):
        world.datasets.rows(world.actor, people, version=7)
    with pytest.raises(InvalidInput, match="limit"):
        world.datasets.rows(world.actor, people, limit=1001)
    assert world.datasets.rows(world.actor, people, offset=99).rows == []
