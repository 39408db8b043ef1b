"""`athanor leaderboard`: what was tried on the way to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from athanor.cli.epilogs import as_written
from athanor.cli.tables import LEADERBOARD_HEAD, LEADERBOARD_RIGHT, leaderboard_cells, print_table, spell_folds

EPILOG = as_written("""
Example:

  athanor leaderboard data-model

The score is out-of-fold: of rows that the fold's model did not see. The first row is what is
served. Rows without a rank are trials that did not get all their folds.
""")


def leaderboard(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a model that `athanor train` made.")],
) -> None:
    """Print the trials of a model's training, best first."""
    from athanor.engine.leaderboard import read_leaderboard

    rows = read_leaderboard(model)
    print_table(LEADERBOARD_HEAD, leaderboard_cells(rows), right=LEADERBOARD_RIGHT)
    if rows and rows[0].rank is not None and rows[0].folds < rows[0].n_folds:
        print(f"{rows[0].name} is served and partial: {spell_folds(rows[0])}.")
