"""LIBSVM text: labels, sparse vectors, and the lines that are neither."""

from __future__ import annotations

import random

import numpy as np
import pytest

from athanor.engine.readers import ReaderOptions, read
from athanor.engine.readers.libsvm import LIBSVM
from athanor.engine.tables.frames import to_dataset
from athanor.engine.tables.schema import Storage
from athanor.errors import InvalidInput


@pytest.fixture
def read_text(tmp_path):
    def reading(text, schema=None, **options):
        path = tmp_path / "rows.svm"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read(path, options=ReaderOptions(**options), schema=schema)

    return reading


def matrix_of(table):
    return to_dataset(table.frame, table.schema)["features"].matrix


def test_labels_and_vectors_are_one_column_each(read_text):
    table = read_text("+1 1:0.5 3:2\n-1 2:1e3\n")
    assert table.format == "libsvm"
    assert table.frame.columns == ["label", "features"]
    assert table.frame["label"].to_list() == [1, -1]
    assert table.schema["features"].storage is Storage.SPARSE
    assert table.schema["features"].dim == 4
    assert matrix_of(table).toarray().tolist() == [[0, 0.5, 0, 2], [0, 0, 1000, 0]]


def test_components_keep_their_index_and_a_count_from_one_is_noted(read_text):
    from_one, from_zero = read_text("1 1:5\n"), read_text("1 0:5\n")
    assert matrix_of(from_one).toarray().tolist() == [[0, 5]]
    assert matrix_of(from_zero).toarray().tolist() == [[5]]
    assert "count from 1" in " ".join(from_one.warnings)
    assert "count from 1" not in " ".join(from_zero.warnings)


def test_a_file_to_be_predicted_has_the_dimension_of_the_one_learned_from(read_text):
    learned = read_text("1 1:1 9:1\n0 2:1\n")
    later = read_text("1 1:1 3:4\n0 12:7\n", schema=learned.schema)
    assert later.schema["features"].dim == 10
    assert matrix_of(later).toarray()[:, [1, 3]].tolist() == [[1, 4], [0, 0]]  # training had no component 12


def test_comments_empty_lines_and_blanks_are_no_rows(read_text):
    table = read_text("# a file\n\n1  1:2\t3:4   # 5:6\r\n   \n  2 2:1\n")
    assert table.frame["label"].to_list() == [1, 2]
    assert matrix_of(table).toarray().tolist() == [[0, 2, 0, 4], [0, 0, 1, 0]]


def test_queries_are_a_column(read_text):
    table = read_text("3 qid:1 1:1\n2 qid:1 1:2\n1 qid:2 2:2 # qid:9\n")
    assert table.frame["qid"].to_list() == [1, 1, 2]
    assert read_text("3 1:1 # qid:1\n2 1:2 2:2\n").frame.columns == ["label", "features"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["0.5", "-2e1"], [0.5, -20.0]),
        (["+1", "-1"], [1, -1]),
        (["ham", "spam"], ["ham", "spam"]),
    ],
)
def test_labels_are_spelled(read_text, labels, expected):
    assert read_text("".join(f"{label} 1:2 3:4\n" for label in labels)).frame["label"].to_list() == expected


def test_a_row_may_lack_its_label_or_its_entries(read_text):
    table = read_text("1 1:2 2:3\n1:4\n0\n")
    assert table.frame["label"].to_list() == [1, None, 0]
    assert matrix_of(table).toarray()[:, 1].tolist() == [2, 4, 0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1 2:x", "expected index:value, got 2:x"),
        ("1 7", "expected index:value, got 7"),
        ("1 x:2", "expected index:value, got x:2"),
        ("1 2:3:4", "expected index:value, got 2:3:4"),
        ("1 :4", "expected index:value, got :4"),
        ("1 2:", "expected index:value, got 2:"),
        ("1 2:nan", "not a finite float32 number: 2:nan"),
        ("1 2:1e39", "not a finite float32 number: 2:1e39"),
        ("1 -2:1", "the index is not one of 0 to"),
        ("1 4294967296:1", "the index is not one of 0 to"),
        ("1 2:1 2:3", "the index 2 more than once"),
        ("1 5:1 2:1 5:2", "the index 5 more than once"),
        ("1,3 2:1", "several labels"),
        ("a\0b 2:1", "NUL"),
    ],
)
def test_a_broken_line_is_set_aside_by_number(read_text, line, reason):
    table = read_text(f"1 1:1 2:2\n0 1:2 2:1\n{line}\n1 1:3\n")
    assert table.frame["label"].to_list() == [1, 0, 1]
    [reject] = table.rejects
    assert reject.line == 3
    assert reason in reject.reason
    assert reject.text == line


def test_indices_are_sorted_with_a_note(read_text):
    table = read_text("1 3:3 1:1\n0 1:1 2:2\n")
    assert table.frame["features"].to_list()[0] == {"indices": [1, 3], "values": [1.0, 3.0]}
    assert "1 rows were not ascending" in " ".join(table.warnings)


def test_a_given_dimension_is_that_of_the_vectors(read_text):
    assert read_text("1 0:1\n0 3:1\n", dim=7).schema["features"].dim == 7


def test_in_a_file_that_counts_from_one_the_dimension_is_the_largest_index(read_text):
    table = read_text("1 1:1\n0 7:1\n1 8:2\n", dim=7)
    assert table.schema["features"].dim == 8
    assert [reject.line for reject in table.rejects] == [3]


def test_text_that_is_not_utf8_is_told(read_text):
    table = read_text(b"caf\xe9 1:2\ncaf\xe9 1:3\nth\xe9 2:1\nth\xe9 2:2\n")
    assert table.frame["label"].to_list() == ["café", "café", "thé", "thé"]
    assert "Line 1 is not UTF-8" in " ".join(table.warnings)


def test_blocks_do_not_show(read_text, monkeypatch):
    rng = random.Random(1)
    lines = []
    for row in range(500):
        indices = sorted(rng.sample(range(100), rng.randint(0, 9)))
        lines.append(f"{row} " + " ".join(f"{index}:{rng.randint(1, 99)}" for index in indices))
    lines.insert(300, "1 broken")
    whole = read_text("\n".join(lines))
    monkeypatch.setattr("athanor.engine.readers.libsvm._BLOCK", 100)
    again = read_text("\n".join(lines))
    assert again.frame.equals(whole.frame)
    assert again.schema == whole.schema
    assert [reject.line for reject in again.rejects] == [301]


def test_what_is_written_is_read_back(read_text):
    rng = np.random.default_rng(3)
    dense = np.where(rng.random((60, 40)) < 0.2, rng.normal(size=(60, 40)).astype(np.float32), 0)
    lines = [f"{row} " + " ".join(f"{i}:{dense[row, i]!s}" for i in np.flatnonzero(dense[row])) for row in range(60)]
    found = matrix_of(read_text("\n".join(lines), dim=40))
    np.testing.assert_array_equal(found.toarray(), dense)


@pytest.mark.parametrize(
    ("head", "filename", "is_claimed"),
    [
        (b"1 1:0.5 3:2\n-1 2:1\n", "rows.txt", True),
        (b"# made by hand\n1 qid:3 1:0.5 2:2 # note\n", "rows", True),
        (b"1 1:2\n", "rows.svm", True),
        (b"1 1:2\n", "rows.txt", False),  # a time of day?
        (b"2024-03-01 12:30\n2024-03-02 12:45\n", "times.csv", False),
        (b"a,b\n1,2\n", "rows.svm", False),
        (b"1 1:2 3:4\nx,y\n", "rows.txt", False),
        (b"\n\n", "rows.svm", False),
    ],
)
def test_a_file_is_claimed_by_its_first_lines(head, filename, is_claimed):
    assert LIBSVM.claims(head, filename) is is_claimed


def test_a_line_without_end_is_refused(read_text, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.libsvm._BLOCK", 100)
    monkeypatch.setattr("athanor.engine.readers.libsvm._LONGEST_LINE", 1000)
    with pytest.raises(InvalidInput, match="longer than 1,000 bytes"):
        read_text("1 1:1 2:2\n1 " + " ".join(f"{index}:1" for index in range(2000)), format="libsvm")
