"""`athanor importance`: what each column is worth to a model."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from athanor.cli import reading_options as reading
from athanor.cli.epilogs import as_written
from athanor.cli.tables import print_table
from athanor.cli.training import limit_of
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.importance.worth import Worth
    from athanor.engine.serving.reliance import Importance

EPILOG = as_written("""
Examples:

  athanor importance data-model                 as measured at the end of the training
  athanor importance data-model new.csv         on the rows of a file that has the target

`drop` is by how much the score becomes worse when the column's cells are dealt out anew among the
rows, `+/-` its standard error: a drop of less than twice that may be nothing. Give rows that the
model did not learn from: on others columns look better than they are. What the training measured is
of such rows. Columns that say the same stand in for each other: each alone may look useless.
Where nothing was measured, the shares of what the models rely on are printed.
""")
SHOWN = 100  # columns


def importance(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model of `athanor train`: its folder, or exported.")],
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Rows with a known target.", exists=True, dir_okay=False, readable=True),
    ] = None,
    *,
    time: Annotated[str, typer.Option(metavar="TIME", help="So long at most, for the rows of FILE.")] = "60s",
    format: reading.Format = None,  # noqa: A002 - an option's name
) -> None:
    """Print what each column is worth to a model, most first."""
    from athanor.engine.importance.worth import read_worth
    from athanor.engine.serving.model_archive import open_model

    limit_s = limit_of(time)
    if limit_s <= 0:
        raise InvalidInput(f"--time must be above 0 seconds, got {time}.", field="time")
    folder, keep = open_model(model)
    with keep or nullcontext():
        found = read_worth(folder) if file is None else _measured(folder, file, limit_s, format)
        if found is not None:
            _print_worth(found, "that the models did not see" if file is None else f"of {file.name}")
            return
        from athanor.engine.fitting.learners import import_learners
        from athanor.engine.serving.predictor import Predictor

        import_learners()
        print("Not measured on rows: shares of what the models rely on. Give a FILE with the target to measure it.")
        _print_shares(Predictor.load(folder).importance())


def _measured(folder: Path, file: Path, seconds: float, format_: str | None) -> Worth:
    from athanor.engine.budget import Budget
    from athanor.engine.fitting.learners import import_learners
    from athanor.engine.importance.worth import worth_on
    from athanor.engine.readers import ReaderOptions, read
    from athanor.engine.serving.predictor import Predictor
    from athanor.engine.tables.frames import to_dataset

    clock = Budget.of(seconds)
    import_learners()
    predictor = Predictor.load(folder)
    table = read(file, options=ReaderOptions(format=format_))
    for warning in table.warnings:
        print(f"athanor: {warning}", file=sys.stderr)
    if predictor.task.target not in table.schema:
        raise InvalidInput(
            f"{file} has no column {predictor.task.target!r}, the target of the model. Give rows with a known target."
        )
    return worth_on(predictor, to_dataset(table.frame, table.schema), clock=clock, seed=0)


def _print_worth(worth: Worth, of_what: str) -> None:
    print(f"Drop of {worth.metric}, on {worth.n_rows:,} rows {of_what}.")
    reached = [drop for drop in worth.drops if drop.drop is not None]
    print_table(
        ("column", "drop", "+/-"),
        [
            (" + ".join(drop.columns), f"{drop.drop:.4g}", "-" if drop.error is None else f"{drop.error:.2g}")
            for drop in reached[:SHOWN]
        ],
        right=("drop", "+/-"),
    )
    if len(reached) > SHOWN:
        print(f"and {len(reached) - SHOWN:,} more")
    if late := len(worth.drops) - len(reached):
        print(f"{late:,} column{'' if late == 1 else 's'} that the models rely on least: not reached in time.")


def _print_shares(found: tuple[Importance, ...]) -> None:
    rows = [
        (each.column if each.component is None else f"{each.column}[{each.component}]", f"{each.share:.4f}")
        for each in found[:SHOWN]
    ]
    print_table(("column", "share"), rows, right=("share",))
