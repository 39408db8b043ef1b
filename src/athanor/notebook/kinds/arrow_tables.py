"""Arrow: tables, record batches and arrays of pyarrow."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import polars as pl
from numpy.typing import NDArray

from athanor.engine.tables.schema import Schema
from athanor.notebook.kinds import Taken, checked_names, wanted_of
from athanor.notebook.kinds.polars_frames import POLARS, frame_taken


class Arrow:
    """Answers are Arrow arrays, and tables or record batches as the rows came."""

    def claims(self, data: object) -> bool:
        pyarrow = sys.modules.get("pyarrow")
        return pyarrow is not None and isinstance(
            data, pyarrow.Table | pyarrow.RecordBatch | pyarrow.Array | pyarrow.ChunkedArray
        )

    def take(self, data: Any, schema: Schema | None) -> Taken:
        if not hasattr(data, "column_names"):  # one column alone
            return frame_taken(pl.DataFrame({"x": pl.Series("x", data)}), schema)
        names, wanted = checked_names(data.column_names), wanted_of(schema)
        kept = data.select([name for name in names if wanted is None or name in wanted])
        frame = pl.DataFrame(kept) if kept.num_columns else pl.DataFrame()
        return frame_taken(frame, schema) if kept.num_columns else Taken(frame=frame, n_rows=data.num_rows)

    def column(self, name: str, values: Any) -> tuple[pl.Series, bool]:
        if hasattr(values, "column_names"):
            return POLARS.column(name, pl.DataFrame(values))
        return POLARS.column(name, pl.Series(name, values))

    def one(self, data: object, name: str, values: NDArray[Any]) -> Any:  # noqa: ARG002
        return _array(values)

    def many(self, data: object, columns: Mapping[Any, NDArray[Any]]) -> Any:
        import pyarrow as pa

        make = pa.record_batch if isinstance(data, pa.RecordBatch) else pa.table
        return make({str(name): _array(values) for name, values in columns.items()})


def _array(values: NDArray[Any]) -> Any:
    import pyarrow as pa

    return pa.array(values.tolist() if values.dtype.kind in "OU" else values)


ARROW = Arrow()
