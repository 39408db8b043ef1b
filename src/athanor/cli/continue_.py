"""`athanor continue`: more time for a training, or the rest of one that was cut off."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from athanor.cli.asked import Asked, read_asked, read_spent
from athanor.cli.epilogs import as_written
from athanor.cli.placing import check_replaceable
from athanor.cli.training import Training, limit_of, more_of
from athanor.cli.work_folder import folds_of
from athanor.errors import InvalidInput, NotFound
from athanor.quantities import parse_size

EPILOG = as_written("""
Examples:

  athanor continue houses-model --time 30m        more time
  athanor continue churn-model --more-trials 2    after a training with --max-trials
  athanor continue houses-model                   the rest of a training that was killed

The folds in <model>.folds are taken up as they are: none is fitted twice. The model is replaced only by one that is
better on rows that both did not see, and all at once: until then the one before answers.
""")
LEAST_S = 5.0  # for what a training that was cut off has left: to take up its folds and write its model


def continue_(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of the model, as `athanor train` named it.")],
    *,
    time_limit: Annotated[
        str | None,
        typer.Option("--time", metavar="TIME", help="So much more, start to end: 90, 10m, 2h. [default: what is left]"),
    ] = None,
    more_trials: Annotated[
        int | None, typer.Option(metavar="N", help="So many more trials than --max-trials allowed.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The table, where it has moved. [default: as given to train]",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    cores: Annotated[int | None, typer.Option(help="Folds to fit at a time. [default: as before]")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory for all processes: 2GB. [default: as before]")
    ] = None,
) -> None:
    """Go on with a training: more time, more trials, or what was left when it was cut off."""
    started = time.monotonic() if context.obj is None else float(context.obj)
    asked = _kept(model)
    if file is not None:
        asked = replace(asked, file=file.absolute())
    elif not asked.file.is_file():
        raise NotFound(f"{asked.file}, the table of {model}, is not there any more. Name its new place with --file.")
    plan = replace(
        asked.plan,
        cores=asked.plan.cores if cores is None else cores,
        memory_limit=asked.plan.memory_limit if memory is None else parse_size(memory),
    )
    is_more = time_limit is not None or more_trials is not None
    if is_more:
        _check_gain(asked, model, more_trials)
        limit_s, spent_s = None if time_limit is None else limit_of(time_limit), 0.0
        plan = plan.continued(time_limit_s=limit_s, more_trials=more_trials)
    else:
        _check_unfinished(asked, model)
        spent_s = read_spent(folds_of(model))
        limit_s = None if plan.time_limit_s is None else max(plan.time_limit_s - spent_s, LEAST_S)
    asked = replace(asked, plan=plan, continues=asked.continues or is_more, ended=None)
    Training(
        asked=asked,
        file=file or asked.file,
        model=model,
        started=started,
        limit_s=limit_s,
        spent_s=spent_s,
        goes_on=True,
    ).run()


def _kept(model: Path) -> Asked:
    folds = folds_of(model)
    if not folds.is_dir():
        if not model.exists():
            raise NotFound(f"There is neither a model {model} nor {folds}. Give the folder that `athanor train` named.")
        raise NotFound(
            f"There are no folds to go on from: {folds} was removed, or the training had --no-keep. Train anew."
        )
    check_replaceable(model)
    return read_asked(folds)


def _check_unfinished(asked: Asked, model: Path) -> None:
    if asked.ended is not None and model.exists():
        more = more_of(asked, model)
        advice = "Nothing is left to fit." if more is None else f"Say how much more: {more}"
        raise InvalidInput(f"The training of {model} has ended ({asked.ended}). {advice}", field="time")


def _check_gain(asked: Asked, model: Path, more_trials: int | None) -> None:
    """Raises InvalidInput where more time alone can change nothing: all trials are there, and none was cut off."""
    if asked.ended == "schedule complete" and asked.plan.time_limit_s is None and more_trials is None:
        more = more_of(asked, model)
        advice = "There are no others to add." if more is None else f"Give more trials: {more}"
        raise InvalidInput(
            f"The trials that {model} was to have are complete, and more time would change nothing. {advice}",
            field="more_trials",
        )
