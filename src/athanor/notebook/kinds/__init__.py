"""Kinds of tables that people hold: one file each, in any of which rows may come and answers go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from athanor.engine.tables.schema import Schema
from athanor.errors import InvalidInput
from athanor.registry import Registry

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from athanor.engine.tables.dataset import Vectors

FEATURES = "features"  # the vector column that a matrix becomes
SHOWN = 10  # names that a message lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A table as its kind gives it, before its columns are brought to the few types that the engine has.

    categorical  columns whose owner says that they hold categories
    vectors      matrices, each one column, beside those of `frame`
    schema       what the columns of `frame` mean, where a reader has found that out; None: nobody knows yet
    """

    frame: pl.DataFrame
    n_rows: int
    categorical: frozenset[str] = frozenset()
    vectors: Mapping[str, Vectors] = field(default_factory=dict)
    schema: Schema | None = None
    warnings: tuple[str, ...] = ()


class Kind(Protocol):
    """One kind of table. Stateless."""

    def claims(self, data: object) -> bool:
        """Whether `data` is of this kind. Imports no library: whoever holds such a table has imported it."""
        ...

    def take(self, data: Any, schema: Schema | None) -> Taken:
        """The columns; where a model is asked, only those of its `schema`. Raises InvalidInput."""
        ...

    def column(self, name: str, values: Any) -> tuple[pl.Series, bool]:
        """One column that came alone, and whether its owner says that it holds categories. Raises InvalidInput."""
        ...

    def one(self, data: Any, name: str, values: NDArray[Any]) -> Any:
        """Answers to the rows of `data`, one each."""
        ...

    def many(self, data: Any, columns: Mapping[Any, NDArray[Any]]) -> Any:
        """Answers to the rows of `data`, several each, by name."""
        ...


KINDS: Registry[Kind] = Registry(
    "kind of table",
    {
        "arrow": "athanor.notebook.kinds.arrow_tables:ARROW",
        "columns": "athanor.notebook.kinds.python_columns:COLUMNS",
        "file": "athanor.notebook.kinds.files:FILE",
        "numpy": "athanor.notebook.kinds.numpy_arrays:NUMPY",
        "pandas": "athanor.notebook.kinds.pandas_frames:PANDAS",
        "polars": "athanor.notebook.kinds.polars_frames:POLARS",
        "rows": "athanor.notebook.kinds.python_rows:ROWS",
        "sparse": "athanor.notebook.kinds.sparse_matrices:SPARSE",
    },
)
# In this order they are asked: frames of pandas and Arrow offer themselves to polars, too.
ASKED = ("pandas", "arrow", "sparse", "numpy", "file", "columns", "rows", "polars")


def kind_of(data: object) -> Kind:
    """The kind that `data` is of. Raises InvalidInput."""
    for name in ASKED:
        if KINDS[name].claims(data):
            return KINDS[name]
    raise InvalidInput(
        "Expected a table: a frame of pandas or polars, an Arrow table, a numpy array, a scipy sparse matrix, a list "
        f"of dicts, a dict of columns or the path of a file; got {_what(data)}.",
        field="data",
    )


def checked_names(given: Iterable[object]) -> list[str]:
    """The names of columns as text. Raises InvalidInput where one is missing, comes twice or stands for others."""
    names: list[str] = []
    seen: set[str] = set()
    for place, raw in enumerate(given, 1):
        if isinstance(raw, tuple):
            raise InvalidInput(
                f"Column {place} has a name of several levels, {raw!r}. Make it one text, for instance by "
                "frame.columns = ['_'.join(map(str, name)) for name in frame.columns].",
                field="data",
            )
        name = str(raw)
        if not name.strip() or name == "*" or (name.startswith("^") and name.endswith("$")):
            raise InvalidInput(
                f"Column {place} is named {name!r}, which is blank or stands for other names. Rename it.", field="data"
            )
        if name in seen:
            raise InvalidInput(
                f"Two columns are named {name!r}. Names tell columns apart: rename one of them, or leave it out.",
                field="data",
            )
        seen.add(name)
        names.append(name)
    return names


def wanted_of(schema: Schema | None) -> Collection[str] | None:
    """The names of the columns to take, a struct's fields beside the struct; None: all."""
    if schema is None:
        return None
    return set(schema.names) | {name.partition(".")[0] for name in schema.names}


def vector_name(schema: Schema | None) -> str:
    """What the column is called that a matrix becomes: in a model, its one vector column."""
    if schema is not None:
        names = [column.name for column in schema.columns if column.storage.is_vector]
        if len(names) == 1:
            return names[0]
    return FEATURES


def _what(data: object) -> str:
    kind = type(data)
    named = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return "nothing (None)" if data is None else f"a {named}"
