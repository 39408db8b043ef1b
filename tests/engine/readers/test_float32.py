"""Matrices of numbers in files."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.readers import ReaderOptions, read
from athanor.engine.tables.frames import to_dataset
from athanor.errors import InvalidInput

MATRIX = np.array([[1.5, -2, 0.25], [4, 5, 1e-30]], np.float32)


@pytest.fixture
def read_file(tmp_path):
    def reading(content, name="rows.f32", **options):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.save(path, content, allow_pickle=content.dtype == object)
        return read(path, options=ReaderOptions(**options))

    return reading


def matrix_of(table):
    return to_dataset(table.frame, table.schema)["features"].matrix


def as_fvecs(matrix):
    counts = np.full((len(matrix), 1), matrix.shape[1], "<i4")
    return np.hstack([counts, matrix.view("<i4")]).tobytes()


def test_raw_numbers_are_rows_of_the_given_length(read_file):
    table = read_file(MATRIX.tobytes(), dim=3)
    assert table.format == "float32"
    assert table.schema["features"].dim == 3
    np.testing.assert_array_equal(matrix_of(table), MATRIX)


def test_raw_numbers_need_their_length(read_file):
    with pytest.raises(InvalidInput, match="how many numbers a row"):
        read_file(MATRIX.tobytes())


def test_bytes_that_are_no_whole_rows_are_refused(read_file):
    with pytest.raises(InvalidInput, match=r"24 bytes, which are no whole rows of 4 float32 numbers"):
        read_file(MATRIX.tobytes(), dim=4)


@pytest.mark.parametrize("dim", [None, 3])
def test_fvecs_say_their_length_in_each_row(read_file, dim):
    np.testing.assert_array_equal(matrix_of(read_file(as_fvecs(MATRIX), "rows.fvecs", dim=dim)), MATRIX)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8", "f2", "i1", "u2", "i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_matrices_of_any_numbers_become_float32(read_file, dtype, order):
    given = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype, order=order)
    np.testing.assert_array_equal(matrix_of(read_file(given, "rows.npy")), given.astype(np.float32))


def test_npy_is_found_by_its_content(read_file, tmp_path):
    np.save(tmp_path / "rows.npy", MATRIX, allow_pickle=False)
    assert read_file((tmp_path / "rows.npy").read_bytes(), "table.csv").format == "float32"


def test_numbers_of_64_bits_are_told_to_lose_digits(read_file):
    assert any("64 bits" in warning for warning in read_file(MATRIX.astype(float), "rows.npy").warnings)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e300])
def test_a_row_with_a_number_that_float32_cannot_hold_is_set_aside(read_file, bad):
    given = np.arange(40.0).reshape(20, 2)
    given[4, 1] = bad
    table = read_file(given, "rows.npy")
    assert table.frame.height == 19
    [reject] = table.rejects
    assert reject.line == 5
    assert "number 2" in reject.reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array([["a", 1]], object), "cannot be read"),
        (np.array([["a", "b"]]), "numbers are needed"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros(2, [("x", "f4")]), "numbers are needed"),
        (np.zeros((2, 2), complex), "numbers are needed"),
    ],
)
def test_npy_files_that_are_no_matrix_of_numbers_are_refused(read_file, given, message):
    with pytest.raises(InvalidInput, match=message):
        read_file(given, "rows.npy")


def test_a_truncated_npy_file_is_refused(read_file, tmp_path):
    np.save(tmp_path / "whole.npy", MATRIX, allow_pickle=False)
    content = (tmp_path / "whole.npy").read_bytes()
    for end in (7, 20, len(content) - 4):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_file(content[:end], "rows.npy")


def test_a_length_that_differs_from_the_files_is_refused(read_file):
    with pytest.raises(InvalidInput, match="3 numbers a row, and `dim` is 4"):
        read_file(MATRIX, "rows.npy", dim=4)


def test_text_with_such_an_ending_is_text(read_file):
    assert read_file(b"a,b\n1,2\n3,4\n", "rows.bin").format == "csv"


def test_blocks_do_not_show(read_file, monkeypatch):
    given = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    monkeypatch.setattr("athanor.engine.readers.float32._BLOCK", 100)
    np.testing.assert_array_equal(matrix_of(read_file(given.tobytes(), dim=3)), given)
