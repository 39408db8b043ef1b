"""Arrays filled part by part: in memory and in files they come out alike."""

from __future__ import annotations

import numpy as np
import pytest

from athanor.engine.tables.array_files import growing, keep_array, let_go, mapped
from athanor.errors import Unavailable

PARTS = [np.array([1.5, np.nan]), np.array([]), np.array([3.0])]


@pytest.fixture(params=["memory", "file"])
def path(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "a.npy"


@pytest.mark.parametrize("n_rows", [3, None])
def test_what_is_put_is_there_in_its_order(path, n_rows):
    values = growing("float64", n_rows=n_rows, path=path)
    for part in PARTS:
        values.put(part)
    np.testing.assert_array_equal(values.array(), [1.5, np.nan, 3.0])


def test_rows_may_have_several_values_and_parts_another_type(path):
    values = growing("float32", width=2, path=path)
    for start in range(0, 1000, 100):
        values.put(np.arange(start, start + 100, dtype=np.float64).reshape(50, 2))
    array = values.array()
    assert (array.shape, array.dtype) == ((500, 2), np.float32)
    assert array.ravel().tolist() == list(range(1000))


def test_times_and_nothing_at_all_can_be_kept(path, tmp_path):
    values = growing("datetime64[us]", path=path)
    values.put(np.array(["2024-02-29", "NaT"], "datetime64[us]"))
    assert values.array().astype(str).tolist() == ["2024-02-29T00:00:00.000000", "NaT"]
    assert growing("int32", n_rows=0, path=path and tmp_path / "nothing.npy").array().tolist() == []


def test_a_file_holds_what_numpy_reads(tmp_path):
    values = growing("int64", path=tmp_path / "a.npy")
    values.put(np.arange(5))
    values.array()[2] = 7
    assert np.load(tmp_path / "a.npy", allow_pickle=False).tolist() == [0, 1, 7, 3, 4]
    with pytest.raises(ValueError, match="read-only"):
        mapped(tmp_path / "a.npy")[0] = 1


def test_a_full_disk_is_told_in_words(tmp_path):
    values = growing("float64", path=tmp_path / "a.npy")
    values._file.close()
    values._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115, PTH123
    with pytest.raises(Unavailable, match="cannot be written now: No space left on device"):
        values.put(np.zeros(10))


def test_what_lies_in_a_file_is_not_written_again(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0))
    keep_array(mapped(tmp_path / "a.npy"), tmp_path / "b.npy")
    assert (tmp_path / "b.npy").samefile(tmp_path / "a.npy")


@pytest.mark.parametrize(
    "part",
    [lambda a: a[2:5], lambda a: a[::2], lambda a: a.reshape(2, 5), lambda a: a.view(np.int64), lambda a: a + 1],
    ids=["some rows", "every other", "another shape", "another type", "a copy"],
)
def test_a_part_of_a_file_is(tmp_path, part):
    np.save(tmp_path / "a.npy", np.arange(10.0))
    array = part(mapped(tmp_path / "a.npy"))
    keep_array(array, tmp_path / "b.npy")
    assert not (tmp_path / "b.npy").samefile(tmp_path / "a.npy")
    assert np.load(tmp_path / "b.npy").tobytes() == array.tobytes()


def test_a_file_without_a_name_is_written_again(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0))
    array = mapped(tmp_path / "a.npy")
    (tmp_path / "a.npy").unlink()
    keep_array(array, tmp_path / "b.npy")
    assert np.load(tmp_path / "b.npy").tolist() == list(range(10))


def test_what_was_let_go_is_there_when_it_is_looked_at_again(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(100_000.0))
    array = mapped(tmp_path / "a.npy")
    total = array.sum()
    let_go(array[10:])
    assert array.sum() == total
    let_go(np.arange(3))  # in memory: nothing happens
