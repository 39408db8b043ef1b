"""A dataset as plain files that many processes can map: npy arrays, vocabularies as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from athanor.engine.tables import array_files
from athanor.engine.tables.array_files import is_mapped, keep_array, keep_rows, mapped
from athanor.engine.tables.dataset import Column, Dataset, Numbers, Taken, Times, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, Schema, Storage


def save_dataset(dataset: Dataset, folder: Path) -> None:
    """Write `dataset` into `folder`, which must not exist. What lies in files already is not written again.

    Columns in memory that are plain arrays of one type share a file: 10,000 of them took seconds to write and to map.
    """
    folder.mkdir(parents=True)
    shared: dict[str, dict[str, NDArray[Any]]] = {}
    for place, name in enumerate(dataset.schema.names):
        column = dataset.columns[name]
        for part, array in arrays_of(column).items():
            if array.shape == (dataset.n_rows,) and not is_mapped(array):
                shared.setdefault(array.dtype.str, {})[f"{place}.{part}"] = array
            else:
                keep_array(array, folder / f"{place}.{part}.npy")
        if isinstance(column, Words):
            (folder / f"{place}.vocabulary.json").write_text(json.dumps(list(column.vocabulary)))
    for number, arrays in enumerate(shared.values()):
        keep_rows(list(arrays.values()), folder / f"shared-{number}.npy")
    head = {
        "schema": dataset.schema.to_json(),
        "n_rows": dataset.n_rows,
        "shared": [list(arrays) for arrays in shared.values()],
    }
    (folder / "dataset.json").write_text(json.dumps(head))


def open_dataset(folder: Path) -> Dataset:
    """Map the files of `folder`. Nothing is read before it is looked at."""
    head = json.loads((folder / "dataset.json").read_text())
    schema = Schema.from_json(head["schema"])
    shared: dict[str, NDArray[Any]] = {}
    for number, names in enumerate(head["shared"]):
        shared |= dict(zip(names, mapped(folder / f"shared-{number}.npy"), strict=True))

    def part(name: str) -> NDArray[Any]:
        return shared[name] if name in shared else mapped(folder / f"{name}.npy")

    columns = {column.name: _open_column(folder, place, column, part) for place, column in enumerate(schema.columns)}
    return Dataset(schema, columns, head["n_rows"])


def arrays_of(column: Column) -> dict[str, NDArray[Any]]:
    """The numpy arrays that hold a column's cells, by the name of their part."""
    if isinstance(column, Words):
        return {"codes": column.codes}
    if isinstance(column, Vectors) and column.is_sparse:
        return {"data": column.matrix.data, "indices": column.matrix.indices, "indptr": column.matrix.indptr}
    return {"values": column.matrix if isinstance(column, Vectors) else column.values}


def let_go(dataset: Dataset) -> None:
    """What is mapped of the dataset counts as memory of this process no more, until it is looked at again."""
    columns = dataset.columns
    for column in (columns.columns if isinstance(columns, Taken) else columns).values():
        for array in arrays_of(column).values():
            array_files.let_go(array)


def _open_column(folder: Path, place: int, schema: ColumnSchema, part: Callable[[str], NDArray[Any]]) -> Column:
    def found(name: str) -> NDArray[Any]:
        return part(f"{place}.{name}")

    open_as: dict[Storage, Callable[[], Column]] = {
        Storage.STRING: lambda: Words(found("codes"), json.loads((folder / f"{place}.vocabulary.json").read_text())),
        Storage.DATETIME: lambda: Times(found("values")),
        Storage.DENSE: lambda: Vectors(found("values")),
        Storage.SPARSE: lambda: _sparse(found("data"), found("indices"), found("indptr"), schema.dim or 0),
    }
    return open_as.get(schema.storage, lambda: Numbers(found("values")))()


def _sparse(data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], dim: int) -> Vectors:
    from scipy.sparse import csr_matrix

    return Vectors(csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, dim), copy=False))
