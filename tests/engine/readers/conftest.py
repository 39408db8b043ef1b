"""What the tests of readers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from athanor.engine.readers import ReaderOptions, Table, read
from athanor.engine.tables.schema import Schema


@pytest.fixture
def read_bytes(tmp_path: Path) -> Callable[..., Table]:
    """Read a file of the given bytes; keyword arguments become reader options."""

    def reading(content: bytes | str, schema: Schema | None = None, **options: object) -> Table:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read(path, filename="table.csv", options=ReaderOptions(**options), schema=schema)  # type: ignore[arg-type]

    return reading


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of text so small that a file of a few lines has several."""
    monkeypatch.setattr("athanor.engine.readers.csv._BLOCK", 16)
