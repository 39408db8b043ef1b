"""Any file gone through: its format, one pass or two, its rejected rows and what there is to say of it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pytest

from athanor.engine.readers import ASKED, READERS, Notes, ReaderOptions, read
from athanor.engine.readers.reading import Reading, opened
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.errors import InvalidInput


@dataclass
class Blocks:
    """An opened file of the given blocks, which rejects some rows besides."""

    frames: list[pl.DataFrame]
    n_rejected: int = 0
    is_spelled: bool = True
    n_passes: int = 0

    def blocks(self, notes: Notes):
        self.n_passes += 1
        notes.warnings.append("seen")
        yield from self.frames
        for line in range(1, self.n_rejected + 1):
            notes.reject(line, "odd", "text")


def gone_through(file, schema=None):
    taken = []
    restarts = []

    def restart():
        restarts.append(len(taken))
        taken.clear()

    outcome = Reading("test", file, schema, None).go_through(taken.append, restart)
    return taken, restarts, outcome


def column(name, *values):
    return pl.DataFrame({name: list(values)}, schema={name: pl.String})


def test_one_pass_is_enough_where_blocks_agree():
    file = Blocks([column("x", "1"), column("x", "2")])
    taken, restarts, outcome = gone_through(file)
    assert [block["x"].to_list() for block in taken] == [[1], [2]]
    assert (restarts, file.n_passes, outcome.warnings) == ([], 1, ("seen",))


def test_a_block_that_contradicts_the_ones_before_starts_a_second_pass_and_no_third():
    file = Blocks([column("x", "1"), column("x", "1.5"), column("x", "word"), column("x", "2")])
    taken, restarts, outcome = gone_through(file)
    assert [block["x"].to_list() for block in taken] == [["1"], ["1.5"], ["word"], ["2"]]
    assert (restarts, file.n_passes) == ([1], 2)
    assert outcome.warnings.count("seen") == 1


def test_a_column_that_begins_with_missing_values_needs_no_second_pass():
    taken, restarts, _ = gone_through(Blocks([column("x", "", None), column("x", "5")]))
    assert [block["x"].dtype for block in taken] == [pl.Null, pl.Int64]
    assert restarts == []


def test_typed_blocks_are_handed_on_as_they_are():
    frame = pl.DataFrame({"x": ["1"], "y": [2.5]})
    taken, _, _ = gone_through(Blocks([frame], is_spelled=False))
    assert taken[0].equals(frame)


def test_typed_columns_are_brought_to_the_storage_that_a_schema_wants():
    wanted = Schema(
        (
            ColumnSchema(name="x", type=ColumnType.NUMERIC, storage=Storage.FLOAT),
            ColumnSchema(name="y", type=ColumnType.CATEGORICAL, storage=Storage.STRING),
        )
    )
    frame = pl.DataFrame({"x": ["1.5", None], "y": [2, 3], "z": ["4", "5"]})
    taken, _, _ = gone_through(Blocks([frame], is_spelled=False), wanted)
    assert taken[0].rows() == [(1.5, "2", "4"), (None, "3", "5")]


def test_vectors_where_numbers_are_wanted_are_refused():
    wanted = Schema((ColumnSchema(name="v", type=ColumnType.NUMERIC, storage=Storage.FLOAT),))
    frame = pl.DataFrame({"v": [[1.0, 2.0]]}, schema={"v": pl.Array(pl.Float32, 2)})
    with pytest.raises(InvalidInput, match="'v' holds vectors where float values are expected"):
        gone_through(Blocks([frame], is_spelled=False), wanted)


@pytest.mark.parametrize(
    ("n_rows", "n_rejected", "is_read"), [(10, 10, True), (99, 11, True), (98, 11, False), (1, 2, False)]
)
def test_ten_rows_or_a_tenth_may_be_rejected_but_no_more_than_are_read(n_rows, n_rejected, is_read):
    file = Blocks([column("x", *["1"] * n_rows)], n_rejected)
    if not is_read:
        with pytest.raises(InvalidInput, match=r"rows cannot be read: line 1 \(odd\)") as caught:
            gone_through(file)
        assert caught.value.code == "ragged-rows"
        return
    _, _, outcome = gone_through(file)
    assert outcome.n_rejected == n_rejected
    assert "were rejected" in outcome.warnings[-1]


def test_a_file_without_rows_is_refused():
    with pytest.raises(InvalidInput, match="holds no row"):
        gone_through(Blocks([column("x")]))


def test_every_format_is_asked_once():
    assert sorted(ASKED) == READERS.names()


def test_the_owner_names_the_format(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text('{"a": 1}\n{"a": 2}\n')
    with opened(path, "t.txt", ReaderOptions()) as found, opened(path, "t.txt", ReaderOptions(format="csv")) as told:
        assert (found.format, told.format) == ("jsonl", "csv")


def test_a_column_that_is_missing_throughout_is_a_column_of_words(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,\n2,NA\n")
    table = read(path)
    assert table.frame.schema == {"a": pl.Int64, "b": pl.String}
    assert table.schema["b"].type is ColumnType.CONSTANT


def test_a_tar_archive_is_named(tmp_path):
    path = tmp_path / "t.tar"
    path.write_bytes(b"\0" * 257 + b"ustar" + b"\0" * 250)
    with pytest.raises(InvalidInput, match="a tar archive"):
        read(path)
