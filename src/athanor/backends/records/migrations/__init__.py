"""How the tables came to be, one revision per file in `versions`, run by Alembic."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def revisions() -> list[str]:
    """All revisions, oldest first: the numbers that the files in `versions` begin with."""
    return sorted(path.name[:4] for path in (FOLDER / "versions").glob("[0-9][0-9][0-9][0-9]_*.py"))
