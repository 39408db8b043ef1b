"""`athanor leaderboard`: what was tried on the way to a model."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from athanor.cli.epilogs import as_written
from athanor.cli.tables import LEADERBOARD_HEAD, LEADERBOARD_RIGHT, leaderboard_cells, print_table, spell_folds

EPILOG = as_written("""
Example:

  athanor leaderboard data-model

The score is out-of-fold: of rows that the fold's model did not see; `+/-` is its standard error.
The first row is what is served. Rows without a rank are trials that did not get all their folds.
""")


def leaderboard(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model of `athanor train`: its folder, or exported.")],
) -> None:
    """Print the trials of a model's training, best first."""
    from athanor.engine.leaderboard import read_leaderboard
    from athanor.engine.serving.model_archive import open_model

    folder, keep = open_model(model)
    with keep or nullcontext():
        rows = read_leaderboard(folder)
    print_table(LEADERBOARD_HEAD, leaderboard_cells(rows), right=LEADERBOARD_RIGHT)
    if rows and rows[0].rank is not None and rows[0].folds < rows[0].n_folds:
        print(f"{rows[0].name} is served and partial: {spell_folds(rows[0])}.")
