from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from athanor.app import open_platform
from athanor.core.actor import Scope
from athanor.core.job import JobKind, JobState
from athanor.engine.tables.frames import SPARSE
from athanor.engine.tables.schema import Storage
from athanor.errors import AthanorError, Conflict, InvalidInput, NotFound, ScopeMissing, Unavailable
from athanor.services.aliases import Naming
from athanor.services.collections import single_rows as collection_rows
from athanor.services.profile import make_profile
from athanor.services.rows import compaction, rewriting
from athanor.settings import Settings

NAMING = Naming(dialect="vecml", text="me_default_rows_LabelJob")


class Collection:
    """A collection of the default project, as its user calls for its rows."""

    def __init__(self, world, name, dataset_id):
        self.world, self.name, self.dataset_id = world, name, dataset_id

    def fetch(self, *ids):
        return self.world.collection_rows.fetch(self.world.actor, "default", self.name, ids)

    def update(self, *ids, **given):
        return self.world.collection_rows.update(self.world.actor, "default", self.name, ids, **given)

    def remove(self, *ids):
        return self.world.collection_rows.remove(self.world.actor, "default", self.name, ids)

    def attach(self, text, attribute="label", form="csv", **more):
        path = self.world.a_file(text, f"labels.{form}")
        given = {"format": form, "filename": path.name, "naming": NAMING} | more
        return self.world.collection_rows.attach(
            self.world.actor, "default", self.name, path, attribute=attribute, **given
        )

    def append(self, *rows):
        self.world.datasets.append_rows(self.world.actor, self.dataset_id, rows)

    @property
    def version(self):
        return self.world.ingest.get(self.world.actor, self.dataset_id).version

    def rows(self, version=None, column=None):
        page = self.world.datasets.rows(self.world.actor, self.dataset_id, version=version, limit=1000)
        return [row if column is None else row[page.columns.index(column)] for row in page.rows]

    def labels(self):
        return dict(zip(self.rows(column=self.id_column), self.rows(column="label"), strict=True))

    @property
    def id_column(self):
        return self.world.ingest.get(self.world.actor, self.dataset_id).dataset.id_column


class Real:
    """What a test needs of the world, over files and a database: for those in which several do something at once."""

    def __init__(self, folder):
        self.folder = folder
        self.platform = open_platform(Settings(data_folder=folder / "data"))
        services = self.platform.services
        self.ingest, self.datasets, self.collection_rows = services.ingest, services.datasets, services.collection_rows
        self.actor = services.keys.authenticate(services.keys.first_start() or "")

    def a_file(self, text, name):
        path = self.folder / name
        path.write_text(text)
        return path


def made(world, frame, name="rows", id_column="string_id"):
    path = world.folder / f"{name}.parquet"
    frame.write_parquet(path)
    view = world.ingest.receive(path, filename=path.name, name=name, actor=world.actor, id_column=id_column)
    return Collection(world, view.dataset.handle, view.dataset.id)


def five_rows(world):
    frame = pl.DataFrame([row(number) for number in range(5)])
    return made(world, frame.with_columns(pl.col("vector").cast(pl.Array(pl.Float32, 2))))


def row(number, **more):
    """`x<number>` with the vector (number, -1) and a colour."""
    return {"string_id": f"x{number}", "vector": [float(number), -1.0], "colour": "red"} | more


@pytest.fixture
def dense(world):
    """Rows x0 to x4: the vector (number, -1), and a colour that is red."""
    return five_rows(world)


@pytest.fixture
def shared(tmp_path):
    """The same rows, for several at once."""
    real = Real(tmp_path)
    yield five_rows(real)
    real.platform.close()


@pytest.fixture
def sparse(world):
    """Rows x0 to x2: the component `number` is 0.5."""
    vectors = [{"indices": [number], "values": [0.5]} for number in range(3)]
    frame = pl.DataFrame({"string_id": ["x0", "x1", "x2"], "vector": pl.Series(vectors, dtype=SPARSE)})
    return made(world, frame, "sparse")


@pytest.fixture
def table(world):
    """Rows 10 to 12 of a table: two columns of numbers, of which one is missing once, a truth and a time."""
    text = "id,age,score,member,since\n10,20,0.5,true,2024-01-01\n11,21,,false,2024-01-02\n12,22,1.5,,2024-01-03\n"
    view = world.a_dataset(text, name="table", id_column="id")
    return Collection(world, view.dataset.handle, view.dataset.id)


def a_collection_of_three_segments(dense):
    """Rows x0, x2, x3, x5, x6, x7 of three segments and one of tombstones."""
    dense.append(row(5), row(6))
    dense.remove("x1", "x4")
    dense.append(row(7))
    assert dense.version.n_segments == 4
    return ["x0", "x2", "x3", "x5", "x6", "x7"]


# --- looking up -------------------------------------------------------------------------------------------------------


def test_rows_are_given_in_the_order_asked(dense):
    found = dense.fetch("x3", "x0")
    assert [(row.id, row.data, row.attributes) for row in found] == [
        ("x3", [3.0, -1.0], {"colour": "red"}),
        ("x0", [0.0, -1.0], {"colour": "red"}),
    ]


def test_a_sparse_vector_is_what_it_has_by_index(sparse):
    assert [row.data for row in sparse.fetch("x2", "x1")] == [{2: 0.5}, {1: 0.5}]


def test_a_row_of_a_table_has_its_numbers_and_its_other_cells_as_texts(table):
    first, second = table.fetch("12", "11")
    assert (first.id, list(first.data), first.attributes) == ("12", [22, 1.5], {"since": "2024-01-03T00:00:00"})
    assert list(second.data) == [21, None]
    assert second.attributes == {"member": "false", "since": "2024-01-02T00:00:00"}


def test_an_id_that_is_not_there_is_named(dense):
    dense.remove("x1")
    with pytest.raises(NotFound, match="'x1', nor 1 more"):
        dense.fetch("x0", "x1", "x9")


def test_only_segments_that_have_the_ids_are_read(world, dense, monkeypatch):
    a_collection_of_three_segments(dense)
    read, local = [], world.blobs.local
    monkeypatch.setattr(world.blobs, "local", lambda key: read.append(key) or local(key))
    assert dense.fetch("x7")[0].data == [7.0, -1.0]
    assert len([key for key in read if key.startswith("segments/")]) == 1


def test_a_row_that_was_deleted_and_came_again_is_the_new_one(dense):
    dense.remove("x1")
    dense.append(row(1, colour="blue"))
    assert dense.fetch("x1")[0].attributes == {"colour": "blue"}
    assert dense.fetch("x1", "x1", "x0")[1].attributes == {"colour": "blue"}


def test_too_many_rows_or_numbers_at_once_are_refused(dense, monkeypatch):
    with pytest.raises(InvalidInput, match="1,001 ids"):
        dense.fetch(*map(str, range(1001)))
    monkeypatch.setattr(collection_rows, "MOST_NUMBERS", 5)
    with pytest.raises(InvalidInput, match="at most 2"):
        dense.fetch("x0", "x1", "x2")


def test_rows_without_ids_cannot_be_named(world):
    view = world.a_dataset("a,b\n1,2\n", name="plain")
    plain = Collection(world, view.dataset.handle, view.dataset.id)
    for asked in (lambda: plain.fetch("1"), lambda: plain.remove("1"), lambda: plain.update("1", attributes=[{}])):
        with pytest.raises(InvalidInput, match="have no ids"):
            asked()


def test_rows_of_an_unknown_collection_or_project_do_not_exist(world, dense):
    with pytest.raises(NotFound, match="'else' does not exist"):
        Collection(world, "else", None).fetch("x0")
    with pytest.raises(NotFound, match="'nowhere' does not exist"):
        world.collection_rows.fetch(world.actor, "nowhere", "rows", ["x0"])
    with pytest.raises(NotFound):
        world.collection_rows.fetch(world.an_actor(), "default", "rows", ["x0"])


def test_each_needs_its_scope(world, dense):
    reader, writer = world.without(Scope.DATA_WRITE), world.without(Scope.DATA_READ)
    rows, place = world.collection_rows, ("default", "rows")
    with pytest.raises(ScopeMissing, match="data:read"):
        rows.fetch(writer, *place, ["x0"])
    for asked in (
        lambda: rows.update(reader, *place, ["x0"], attributes=[{}]),
        lambda: rows.remove(reader, *place, ["x0"]),
        lambda: rows.attach(
            reader, *place, world.a_file(), attribute="label", format="csv", filename="a.csv", naming=NAMING
        ),
    ):
        with pytest.raises(ScopeMissing, match="data:write"):
            asked()


# --- taking away ------------------------------------------------------------------------------------------------------


def test_removed_rows_are_gone_and_counted(dense):
    assert dense.remove("x1", "x3", "x9") == 2
    assert dense.rows(column="string_id") == ["x0", "x2", "x4"]
    assert dense.remove("x1") == 0


# --- changing ---------------------------------------------------------------------------------------------------------


def test_a_row_gets_another_vector_and_keeps_its_attributes(dense):
    assert dense.update("x1", "x3", matrix=np.array([[7, 8], [9, 10]], np.float32)) == 2
    assert [(row.data, row.attributes) for row in dense.fetch("x1", "x3", "x0")] == [
        ([7.0, 8.0], {"colour": "red"}),
        ([9.0, 10.0], {"colour": "red"}),
        ([0.0, -1.0], {"colour": "red"}),
    ]
    assert dense.version.n_rows == 5


def test_attributes_that_are_given_are_set_and_the_others_stay(dense):
    dense.update("x1", "x2", attributes=[{"shape": "round"}, {"shape": "flat", "colour": "blue"}])
    dense.update("x2", "x0", attributes=[{"colour": None}, {}])
    found = {row.id: row.attributes for row in dense.fetch("x0", "x1", "x2", "x3")}
    assert found == {
        "x0": {"colour": "red"},
        "x1": {"colour": "red", "shape": "round"},
        "x2": {"shape": "flat"},
        "x3": {"colour": "red"},
    }
    assert [row.data for row in dense.fetch("x1", "x2")] == [[1.0, -1.0], [2.0, -1.0]]


def test_rows_keep_their_places_when_they_are_changed(dense):
    dense.append(row(5), row(6))
    dense.update("x5", "x1", matrix=np.array([[7, 8], [9, 10]], np.float32))
    dense.update("x0", "x6", attributes=[{"colour": "blue"}, {"shape": "flat"}])
    assert dense.rows() == [
        ["x0", [0.0, -1.0], "blue", None],
        ["x1", [9.0, 10.0], "red", None],
        *([*row(number).values(), None] for number in (2, 3, 4)),
        ["x5", [7.0, 8.0], "red", None],
        ["x6", [6.0, -1.0], "red", "flat"],
    ]


def test_the_first_label_is_of_the_row_that_came_first_though_it_was_changed(dense):
    dense.update("x0", attributes=[{"colour": "blue"}])
    dense.attach("label\n" + "".join(f"of x{number}\n" for number in range(5)))
    assert dense.labels() == {f"x{number}": f"of x{number}" for number in range(5)}


@pytest.mark.parametrize("frozen", ["first", "second", "both"])
def test_rows_of_frozen_versions_are_changed_in_the_next_one_in_their_places(world, dense, frozen):
    """Segments that nobody changed are there once on the disk, for both versions."""
    if frozen != "second":
        make_profile(world.records, world.blobs, dense.version.id)
    dense.append(row(5), row(6))
    dense.remove("x3")
    if frozen != "first":
        make_profile(world.records, world.blobs, dense.version.id)
    dense.append(row(7))
    before, number, n_blobs = dense.rows(), dense.version.number, len(list(world.blobs.keys()))
    dense.update("x1", "x7", attributes=[{"colour": "blue"}, {"colour": "green"}])
    assert dense.version.number == number
    assert dense.rows(column="string_id") == ["x0", "x1", "x2", "x4", "x5", "x6", "x7"]
    assert dense.rows(column="colour") == ["red", "blue", *["red"] * 4, "green"]
    assert dense.rows(version=number - 1) == before[:-1] if frozen != "first" else dense.rows(version=1)[1][2] == "red"
    assert len(list(world.blobs.keys())) == n_blobs + 1, (
        "the segment of x1 anew; that of x7 in the place of the old one"
    )
    n_blobs = len(list(world.blobs.keys()))
    dense.update("x0", attributes=[{"colour": "blue"}])
    assert len(list(world.blobs.keys())) == n_blobs, "nothing relies on the new version yet"
    with pytest.raises(Conflict, match="'x1'"):
        dense.append(row(1))
    dense.remove("x1")
    dense.append(row(1))
    dense.attach("label\n" + "".join(f"of {id_}\n" for id_ in dense.rows(column="string_id")))
    assert dense.labels() == {f"x{number}": f"of x{number}" for number in (0, 2, 4, 5, 6, 7, 1)}


def test_only_segments_of_changed_rows_are_written_anew(world, dense):
    a_collection_of_three_segments(dense)
    before = set(world.blobs.keys())
    dense.update("x6", attributes=[{"colour": "blue"}])
    assert len(set(world.blobs.keys()) - before) == len(before - set(world.blobs.keys())) == 1
    assert dense.rows(column="string_id") == ["x0", "x2", "x3", "x5", "x6", "x7"]


def test_a_large_segment_is_parted_when_it_is_changed_so_that_the_next_change_writes_less(world, dense, monkeypatch):
    monkeypatch.setattr(rewriting, "_PIECE_ROWS", 2)
    dense.append(row(5))
    make_profile(world.records, world.blobs, dense.version.id)
    dense.update("x3", attributes=[{"colour": "blue"}])
    assert (dense.version.number, dense.version.n_segments) == (2, 3)
    before = set(world.blobs.keys())
    dense.update("x0", attributes=[{"colour": "green"}])
    assert len(set(world.blobs.keys()) - before) == 1
    assert dense.rows(column="string_id") == [f"x{number}" for number in range(6)]
    assert dense.rows(column="colour") == ["green", "red", "red", "blue", "red", "red"]
    with pytest.raises(Conflict, match="'x4'"):
        dense.append(row(4))
    dense.attach("label\n" + "".join(f"of x{number}\n" for number in range(6)))
    assert dense.labels() == {f"x{number}": f"of x{number}" for number in range(6)}


def test_many_who_change_rows_of_a_collection_at_once_all_have_their_way(shared):
    together(*(lambda number=number: set_often(shared, number) for number in range(5)))
    assert [found.attributes["n"] for found in shared.fetch(*(f"x{number}" for number in range(5)))] == ["3"] * 5


def set_often(collection, number):
    for time in range(4):
        collection.update(f"x{number}", attributes=[{"n": str(time)}])


def test_a_row_that_was_deleted_and_came_again_is_changed_where_it_is_now(dense):
    dense.remove("x1")
    dense.append(row(1))
    dense.update("x1", "x0", attributes=[{"colour": "blue"}] * 2)
    assert dense.rows(column="string_id") == ["x0", "x2", "x3", "x4", "x1"]
    assert dense.rows(column="colour") == ["blue", "red", "red", "red", "blue"]


def test_rows_that_come_and_go_while_others_are_changed_do_so(dense, monkeypatch):
    meanwhile(monkeypatch, lambda: (dense.append(row(5)), dense.remove("x2")))
    dense.update("x1", attributes=[{"colour": "blue"}])
    assert dense.rows(column="string_id") == ["x0", "x1", "x3", "x4", "x5"]
    assert dense.rows(column="colour") == ["red", "blue", "red", "red", "red"]


def test_a_file_that_came_before_is_not_appended_again_though_its_rows_were_changed(world, table):
    table.update("11", attributes=[{"member": "true"}])
    text = "id,age,score,member,since\n10,20,0.5,true,2024-01-01\n11,21,,false,2024-01-02\n12,22,1.5,,2024-01-03\n"
    path = world.a_file(text)
    world.datasets.append(world.actor, table.dataset_id, path, filename=path.name)
    assert table.version.n_rows == 3


def test_a_profile_of_rows_that_are_changed_meanwhile_is_not_kept(world, dense, monkeypatch):
    from athanor.engine.profiling import profile

    def slow(*args, **more):
        made = original(*args, **more)
        dense.update("x1", attributes=[{"colour": "blue"}])
        return made

    original = profile.profile
    monkeypatch.setattr(profile, "profile", slow)
    with pytest.raises(Conflict, match="changed while it was profiled"):
        make_profile(world.records, world.blobs, dense.version.id)


def test_what_is_done_is_done_though_old_blobs_cannot_be_removed(world, dense, monkeypatch):
    def full(_):
        raise Unavailable("The blob store cannot be used now.")

    monkeypatch.setattr(world.blobs, "delete", full)
    assert dense.update("x1", attributes=[{"colour": "blue"}]) == 1
    dense.attach("label\n" + "a\n" * 5)
    assert dense.rows(column="colour") == ["red", "blue", "red", "red", "red"]


def test_an_update_is_all_or_nothing(world, dense):
    before = dense.rows(), sorted(world.blobs.keys())
    with pytest.raises(NotFound, match="'x9'"):
        dense.update("x1", "x9", attributes=[{"colour": "blue"}, {"colour": "blue"}])
    for given in (
        {"matrix": np.zeros((1, 3), np.float32)},
        {"matrix": np.zeros((2, 2), np.float32)},
        {"matrix": np.array([[np.nan, 1]], np.float32)},
        {"attributes": [{}, {}]},
        {"attributes": [{"vector": "1"}]},
        {"attributes": [{"string_id": "1"}]},
    ):
        with pytest.raises(InvalidInput):
            dense.update("x1", **given)
    with pytest.raises(InvalidInput, match="'x1'"):
        dense.update("x1", "x1", attributes=[{}, {}])
    with pytest.raises(InvalidInput, match="No ids"):
        dense.update(attributes=[])
    assert (dense.rows(), sorted(world.blobs.keys())) == before


def test_a_sparse_vector_may_get_a_further_component(sparse):
    matrix = csr_matrix(np.array([[0, 0, 0, 0, 0, 2.0]], np.float32))
    sparse.update("x1", matrix=matrix)
    assert [row.data for row in sparse.fetch("x1", "x0")] == [{5: 2.0}, {0: 0.5}]
    assert sparse.version.schema["vector"].dim == 6
    sparse.update("x0", matrix=np.array([[1, 0, 3]], np.float32))
    assert sparse.fetch("x0")[0].data == {0: 1.0, 2: 3.0}


def test_a_row_of_a_table_is_changed_in_its_columns(table):
    table.update("11", matrix=np.array([[30, 2.5]], np.float32), attributes=[{"member": "true", "note": "new"}])
    assert list(table.fetch("11")[0].data) == [30, 2.5]
    assert table.fetch("11")[0].attributes == {"member": "true", "since": "2024-01-02T00:00:00", "note": "new"}
    assert table.version.schema["age"].storage is Storage.INTEGER
    table.update("12", matrix=np.array([[30.5, 2.5]], np.float32))
    assert table.version.schema["age"].storage is Storage.FLOAT
    assert [list(row.data) for row in table.fetch("10", "12")] == [[20.0, 0.5], [30.5, 2.5]]
    with pytest.raises(InvalidInput, match="'member'"):
        table.update("11", attributes=[{"member": "perhaps"}])


def test_an_update_leaves_a_frozen_version_as_it_is(world, dense):
    make_profile(world.records, world.blobs, dense.version.id)
    dense.update("x1", attributes=[{"colour": "blue"}])
    assert dense.version.number == 2
    assert dense.rows(version=1, column="colour") == ["red"] * 5
    assert sorted(dense.rows(column="colour")) == ["blue", *["red"] * 4]


def test_many_updates_are_merged_and_nothing_is_lost(world, dense, monkeypatch):
    monkeypatch.setattr(compaction, "MOST_SMALL", 6)
    for number in range(20):
        dense.update(f"x{number % 5}", "x0" if number % 5 else "x1", attributes=[{"n": str(number)}, {"m": "1"}])
    assert dense.version.n_segments <= 8
    assert {row.id: row.attributes.get("n") for row in dense.fetch(*(f"x{number}" for number in range(5)))} == {
        "x0": "15",
        "x1": "16",
        "x2": "17",
        "x3": "18",
        "x4": "19",
    }
    assert len(list(world.blobs.keys())) == 2 * dense.version.n_segments


def test_a_row_that_was_changed_can_be_removed_and_come_again(dense):
    dense.update("x1", attributes=[{"colour": "blue"}])
    with pytest.raises(Conflict, match="'x1'"):
        dense.append(row(1))
    assert dense.remove("x1") == 1
    with pytest.raises(NotFound):
        dense.update("x1", attributes=[{}])
    dense.append(row(1))
    assert dense.fetch("x1")[0].attributes == {"colour": "red"}


def test_two_who_change_the_same_rows_at_once_both_have_their_way(shared):
    barrier = Barrier(2)

    def set_all(attribute):
        barrier.wait()
        for number in range(6):
            shared.update("x1", "x2", attributes=[{attribute: str(number)}] * 2)

    together(lambda: set_all("first"), lambda: set_all("second"))
    for found in shared.fetch("x1", "x2"):
        assert found.attributes == {"colour": "red", "first": "5", "second": "5"}
    assert sorted(shared.rows(column="string_id")) == ["x0", "x1", "x2", "x3", "x4"]


def test_a_row_that_goes_while_it_is_changed_stays_away(dense, monkeypatch):
    meanwhile(monkeypatch, lambda: dense.remove("x1"))
    with pytest.raises(NotFound, match="'x1'"):
        dense.update("x1", attributes=[{"colour": "blue"}])
    assert "x1" not in dense.rows(column="string_id")


def test_an_update_that_others_always_disturb_gives_up_in_words(dense, monkeypatch):
    def rewritten(*args, **more):
        with monkeypatch.context() as undisturbed:
            undisturbed.setattr(rewriting, "rewritten", original)
            dense.update("x1", attributes=[{"colour": "blue"}])
        return original(*args, **more)

    original = rewriting.rewritten
    monkeypatch.setattr(rewriting, "rewritten", rewritten)
    with pytest.raises((Conflict, Unavailable), match="keep changing"):
        dense.update("x1", attributes=[{"colour": "green"}])


# --- labels for all rows ----------------------------------------------------------------------------------------------


def test_the_cells_of_a_file_become_an_attribute_of_all_rows_in_their_order(world, dense):
    present = a_collection_of_three_segments(dense)
    inserted = dense.attach("label\n" + "".join(f"{number}\n" for number in range(6)))
    assert dense.labels() == dict(zip(present, "012345", strict=True))
    assert dense.version.schema["label"].storage is Storage.STRING
    assert (inserted.n_rows, inserted.job_name) == (6, NAMING.text)
    assert (inserted.job.kind, inserted.job.state) == (JobKind.INGEST, JobState.SUCCEEDED)
    assert inserted.job in world.all_of("jobs")
    assert [alias.object_id for alias in world.all_of("aliases")] == [inserted.job.id]


def test_rows_that_were_labelled_are_the_same_otherwise(dense):
    a_collection_of_three_segments(dense)
    before = dense.rows()
    dense.attach("label\n" + "a\n" * 6)
    assert dense.rows() == [[*cells, "a"] for cells in before]
    assert dense.fetch("x7", "x0")[0].attributes == {"colour": "red", "label": "a"}


def test_what_was_replaced_leaves_no_blobs_behind(world, dense):
    a_collection_of_three_segments(dense)
    dense.attach("label\n" + "a\n" * 6)
    assert dense.version.n_segments == 3
    assert len(list(world.blobs.keys())) == 6
    assert len([segment for segment in world.all_of("segments") if segment.dataset_id == dense.dataset_id]) == 3


def test_an_attribute_of_the_name_is_replaced(dense):
    dense.attach("x\nblue\ngreen\n\nNA\nblue\n", attribute="colour")
    assert dense.rows(column="colour") == ["blue", "green", None, None, "blue"]
    assert dense.version.schema.names == ("string_id", "vector", "colour")


@pytest.mark.parametrize("attribute", ["vector", "string_id"])
def test_ids_and_vectors_are_no_attributes(dense, attribute):
    with pytest.raises(InvalidInput, match=attribute):
        dense.attach("x\n" + "1\n" * 5, attribute=attribute)


def test_components_of_a_table_are_no_attributes_and_its_other_columns_are(table):
    with pytest.raises(InvalidInput, match="'age'"):
        table.attach("x\n1\n2\n3\n", attribute="age")
    table.attach("x\n1\nyes\n3\n", attribute="member")
    assert [row.attributes["member"] for row in table.fetch("10", "11", "12")] == ["1", "yes", "3"]


def test_labels_must_be_as_many_as_the_rows(dense):
    before = dense.rows()
    for text in ("label\n" + "a\n" * 4, "label\n" + "a\n" * 6):
        with pytest.raises(InvalidInput, match=r"expected 5 values; came [46]"):
            dense.attach(text)
    assert dense.rows() == before


def test_an_empty_collection_has_no_rows_to_label(dense):
    dense.remove("x0", "x1", "x2", "x3", "x4")
    with pytest.raises(InvalidInput, match="is empty"):
        dense.attach("label\na\n")


def test_rows_without_ids_can_be_labelled(world):
    view = world.a_dataset("a,b\n1,2\n3,4\n", name="plain")
    plain = Collection(world, view.dataset.handle, view.dataset.id)
    plain.attach("label\nyes\nno\n")
    assert plain.rows() == [[1, 2, "yes"], [3, 4, "no"]]


def test_a_frozen_version_keeps_its_rows(world, dense):
    dense.append(row(5))
    make_profile(world.records, world.blobs, dense.version.id)
    dense.attach("label\n" + "a\n" * 6)
    dense.append(row(6, label="b"))
    dense.attach("label\n" + "c\n" * 7)
    assert (dense.version.number, dense.version.first_segment, dense.version.n_segments) == (2, 2, 3)
    assert dense.rows(version=1) == [[f"x{number}", [float(number), -1.0], "red"] for number in range(6)]
    assert dense.rows(column="label") == ["c"] * 7
    make_profile(world.records, world.blobs, dense.version.id)
    dense.remove("x0")
    dense.attach("label\n" + "d\n" * 6)
    assert dense.rows(version=2, column="label") == ["c"] * 7
    assert dense.labels() == {f"x{number}": "d" for number in range(1, 7)}


def test_labels_come_after_segments_were_merged(dense, monkeypatch):
    monkeypatch.setattr(compaction, "MOST_SMALL", 3)
    for number in range(5, 15):
        dense.append(row(number))
        dense.remove(f"x{number - 3}")
    present = dense.rows(column="string_id")
    dense.attach("label\n" + "".join(f"of {id_}\n" for id_ in present))
    for number in range(15, 25):
        dense.append(row(number, label=f"of x{number}"))
        present.append(f"x{number}")
    assert dense.labels() == {id_: f"of {id_}" for id_ in present}


def test_the_same_file_is_not_appended_again_behind_labelled_rows(world):
    view = world.a_dataset("id,age\na,1\nb,2\n", name="people", id_column="id")
    people = Collection(world, view.dataset.handle, view.dataset.id)
    people.attach("label\nyes\nno\n")
    path = world.a_file("id,age\na,1\nb,2\n")
    world.datasets.append(world.actor, people.dataset_id, path, filename=path.name)
    assert people.version.n_rows == 2


def test_rejected_rows_are_still_told(world):
    view = world.a_dataset("id,age\na,1\nb,2,3\nc,4\n", name="people", id_column="id")
    people = Collection(world, view.dataset.handle, view.dataset.id)
    before = b"".join(world.datasets.rejects(world.actor, people.dataset_id))
    people.attach("label\nyes\nno\n")
    assert b"".join(world.datasets.rejects(world.actor, people.dataset_id)) == before != b""


def test_rows_that_come_meanwhile_are_not_lost(dense, monkeypatch):
    meanwhile(monkeypatch, lambda: dense.append(row(5)))
    with pytest.raises(InvalidInput, match="expected 6 values; came 5"):
        dense.attach("label\n" + "a\n" * 5)
    assert dense.rows(column="string_id") == ["x0", "x1", "x2", "x3", "x4", "x5"]
    dense.attach("label\n" + "a\n" * 6)
    assert dense.rows(column="label") == ["a"] * 6


@pytest.mark.parametrize("change", ["update", "attach"])
@pytest.mark.parametrize("is_before", [True, False])
def test_segments_that_are_merged_meanwhile_are_looked_up_again(dense, monkeypatch, change, is_before):
    dense.append(row(5))
    meanwhile(monkeypatch, lambda: merge(dense, monkeypatch), is_before=is_before)
    if change == "update":
        dense.update("x1", attributes=[{"label": "a"}])
        assert dense.rows(column="label") == [None, "a", None, None, None, None]
    else:
        dense.attach("label\n" + "a\n" * 6)
        assert dense.rows(column="label") == ["a"] * 6


def test_rows_are_looked_up_again_where_segments_were_merged_meanwhile(dense, monkeypatch):
    def rows_named(*args):
        if dense.version.n_segments > 1:
            merge(dense, monkeypatch)
        return original(*args)

    dense.append(row(5))
    original = collection_rows.rows_named
    monkeypatch.setattr(collection_rows, "rows_named", rows_named)
    assert [found.id for found in dense.fetch("x5", "x0")] == ["x5", "x0"]


def test_a_segment_that_cannot_be_read_is_no_endless_trying(world, dense, monkeypatch):
    def broken():
        raise OSError("broken")

    tried = []

    monkeypatch.setattr(rewriting, "rewritten", lambda *_, **__: tried.append(1) or broken())
    with pytest.raises(AthanorError, match="broken"):
        dense.attach("label\n" + "a\n" * 5)
    assert tried == [1]


def test_labels_and_rows_at_once_end_with_both_or_with_words(shared):
    said, barrier = [], Barrier(2)

    def label():
        barrier.wait()
        for _ in range(8):
            try:
                shared.attach("label\n" + "a\n" * shared.version.n_rows)
            except (InvalidInput, Conflict) as error:
                said.append(str(error))

    def grow():
        barrier.wait()
        for number in range(5, 25):
            try:
                shared.append(row(number))
            except Conflict as error:
                said.append(str(error))
                shared.append(row(number))

    together(label, grow)
    assert sorted(shared.rows(column="string_id")) == sorted(f"x{number}" for number in range(25))
    assert all("expected" in text or "changing" in text or "another content" in text for text in said)


# --- the file of labels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form", "more"),
    [
        ("label\n0\n1\n1.50\nNA\ntrue\n", "csv", {}),
        ("0\n1\n1.50\nNA\ntrue\n", "csv", {"has_header": False}),
        ('label\r\n"0"\r\n"1"\r\n1.50\r\n""\r\n true \r\n', "csv", {}),
        ('["0", 1, "1.50", null, true]', "json", {}),
        (' [\n 0, 1, "1.50", "NA", true]', "json", {}),
        (json.dumps([{"y": cell} for cell in (0, "1", "1.50", None, True)]), "json", {}),
        ('{"y": [0, 1, "1.50", null, true]}', "json", {}),
        ('{"y": 0}\n{"y": 1}\n{"y": "1.50"}\n{"y": null}\n{"y": true}\n', "json", {}),
    ],
)
def test_cells_are_kept_as_the_texts_that_they_are(dense, text, form, more):
    dense.attach(text, form=form, **more)
    assert dense.rows(column="label") == ["0", "1", "1.50", None, "true"]


@pytest.mark.parametrize(
    ("cells", "texts"), [([1, 2, 3.5, 1e3, None], ["1", "2", "3.5", "1000", None]), ([True] * 5, ["true"] * 5)]
)
def test_numbers_and_truths_of_json_become_their_usual_texts(dense, cells, texts):
    for text in (json.dumps(cells), json.dumps([{"y": cell} for cell in cells])):
        dense.attach(text, form="json")
        assert dense.rows(column="label") == texts


@pytest.mark.parametrize(
    ("text", "form", "message"),
    [
        ("a,b\n" + "1,2\n" * 5, "csv", "2 columns: 'a', 'b'"),
        ("a\n" + "1\n" * 4 + "1,2\n", "csv", "Line 6.*cannot be read"),
        ("", "csv", "empty"),
        ("label\n", "csv", "no row"),
        ("[1, 2", "json", "JSON"),
        ('[1, {"y": 2}]', "json", "Row 2"),
        ("[]", "json", "came 0"),
        (r'["a", "\ud800"]', "json", "Row 2"),
        (r'[{"y": "\ud800"}, {"y": 1e999}]', "json", "came 2"),
        ('[{"y": [1]}]', "json", "One text a row"),
        ("label\n1\n", "libsvm", "'csv' or 'json'"),
    ],
)
def test_a_file_that_is_not_one_column_is_refused(dense, text, form, message):
    with pytest.raises(InvalidInput, match=message):
        dense.attach(text, form=form)


def meanwhile(monkeypatch, others, *, is_before=False):
    """Others do something once, while rows are written anew: before they are read, or afterwards."""

    def rewritten(*args, **more):
        monkeypatch.setattr(rewriting, "rewritten", original)
        if is_before:
            others()
        done = original(*args, **more)
        if not is_before:
            others()
        return done

    original = rewriting.rewritten
    monkeypatch.setattr(rewriting, "rewritten", rewritten)


def merge(collection, monkeypatch):
    """Merge the segments of the collection into one."""
    world = collection.world
    with monkeypatch.context() as now:
        now.setattr(compaction, "MOST_SMALL", 1)
        assert compaction.compact(world.records, world.blobs, world.arrivals, collection.version, now=world.clock)


def together(*tasks):
    """Each in a thread of its own; what they raise is raised."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for done in [pool.submit(task) for task in tasks]:
            done.result()
