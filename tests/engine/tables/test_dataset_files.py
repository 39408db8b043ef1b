"""A dataset as files: what was written is what is mapped."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from athanor.engine.tables.dataset import Dataset, Numbers, Times, Vectors, Words
from athanor.engine.tables.dataset_files import arrays_of, open_dataset, save_dataset
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage

NAT = np.datetime64("NaT", "us")
COLUMNS = {
    Storage.FLOAT: Numbers(np.array([1.5, np.nan, -0.0])),
    Storage.INTEGER: Numbers(np.array([1.0, np.nan, 2.0**53])),
    Storage.BOOLEAN: Numbers(np.array([1.0, 0.0, np.nan])),
    Storage.STRING: Words(np.array([1, -1, 0], np.int32), ("naïve, \n", "東京")),
    Storage.DATETIME: Times(np.array(["2024-02-29T12:30:00.000001", NAT, "1969-12-31"], "datetime64[us]")),
    Storage.DENSE: Vectors(np.array([[1, 2], [3, 4], [5, 6]], np.float32)),
    Storage.SPARSE: Vectors(csr_matrix(np.array([[0, 2], [0, 0], [5, 0]], np.float32))),
}


def a_dataset(columns=COLUMNS):
    schema = Schema(
        tuple(
            ColumnSchema(
                name=f"a {storage}/../column",
                type=ColumnType.VECTOR if isinstance(column, Vectors) else ColumnType.CATEGORICAL,
                storage=storage,
                reason="made here",
                dim=column.matrix.shape[1] if isinstance(column, Vectors) else None,
            )
            for storage, column in columns.items()
        )
    )
    return Dataset(schema, dict(zip(schema.names, columns.values(), strict=True)), 3)


def same(first, second):
    assert type(first) is type(second)
    if isinstance(first, Words):
        assert list(first.vocabulary) == list(second.vocabulary)
    for part, array in arrays_of(first).items():
        other = arrays_of(second)[part]
        assert array.dtype == other.dtype
        assert array.tobytes() == other.tobytes(), part


def test_every_kind_of_column_comes_back_bit_for_bit(tmp_path):
    dataset = a_dataset()
    save_dataset(dataset, tmp_path / "table")
    opened = open_dataset(tmp_path / "table")
    assert opened.schema == dataset.schema
    assert opened.n_rows == 3
    for name in dataset.schema.names:
        same(dataset.columns[name], opened.columns[name])


def test_the_files_stay_below_their_folder_whatever_columns_are_called(tmp_path):
    save_dataset(a_dataset(), tmp_path / "table")
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
    assert all(path.is_file() for path in (tmp_path / "table").iterdir())


def test_a_mapped_column_cannot_be_written_to(tmp_path):
    save_dataset(a_dataset(), tmp_path / "table")
    column = open_dataset(tmp_path / "table").columns["a float/../column"]
    with pytest.raises(ValueError, match="read-only"):
        column.values[0] = 7.0


def test_rows_of_a_mapped_table_can_be_taken(tmp_path):
    dataset, rows = a_dataset(), np.array([2, 0])
    save_dataset(dataset, tmp_path / "table")
    taken = open_dataset(tmp_path / "table").take(rows)
    for name in dataset.schema.names:
        same(dataset.take(rows).columns[name], taken.columns[name])


def test_a_sparse_block_of_zeros_alone_can_be_kept(tmp_path):
    save_dataset(a_dataset({Storage.SPARSE: Vectors(csr_matrix((3, 4), dtype=np.float32))}), tmp_path / "table")
    (column,) = open_dataset(tmp_path / "table").columns.values()
    assert column.matrix.toarray().tolist() == [[0.0] * 4] * 3


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    with pytest.raises(FileExistsError):
        save_dataset(a_dataset(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_plain_columns_of_one_type_share_a_file_and_those_that_are_mapped_come_back_from_another_folder(tmp_path):
    numbers = {f"n{place}": Numbers(np.arange(5.0) + place) for place in range(50)}
    columns = {**numbers, "word": Words(np.array([0, 1, 0, -1, 1], np.int32), ("a", "b"))}
    schema = Schema(
        tuple(
            ColumnSchema(
                name=name,
                type=ColumnType.CATEGORICAL if name == "word" else ColumnType.NUMERIC,
                storage=Storage.STRING if name == "word" else Storage.FLOAT,
            )
            for name in columns
        )
    )
    save_dataset(Dataset(schema, columns, 5), tmp_path / "first")
    assert len(list((tmp_path / "first").glob("*.npy"))) == 2  # the numbers, and the codes of the word
    opened = open_dataset(tmp_path / "first")
    save_dataset(opened, tmp_path / "second")
    for found in (opened, open_dataset(tmp_path / "second")):
        assert all(np.array_equal(found[name].values, column.values) for name, column in numbers.items())
        assert np.array_equal(found["word"].codes, columns["word"].codes)
