"""`athanor train`: a file becomes a model, without a server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from athanor.cli import reading_options as reading
from athanor.cli.asked import ASKED, Asked
from athanor.cli.epilogs import as_written
from athanor.cli.question import Question
from athanor.cli.training import Training, command, limit_of, memory_of
from athanor.cli.work_folder import folds_of
from athanor.errors import InvalidInput
from athanor.quantities import parse_size

EPILOG = as_written("""
Examples:

  athanor train houses.csv --target price
  athanor train churn.parquet --target churned --metric f1 --time 5m --out churn-model
  athanor train data.csv --target y --exclude customer_id --max-trials 4 --seed 7

Problems: binary, multiclass, regression.
Metrics: accuracy, average_precision, balanced_accuracy, f1, f1_macro, f1_micro, log_loss, mae, mape, mcc, mse,
precision, precision_macro, precision_micro, r2, recall, recall_macro, recall_micro, rmse, rmsle, roc_auc.

Families: catboost, extra_trees, gaussian_process, lightgbm, linear, neural, random_forest, xgboost.
Distributions of a number: gaussian, laplace, huber, quantile, poisson, gamma, tweedie; some with a parameter, as
quantile:0.9.

Ctrl-C, SIGTERM and SIGHUP end the training with the best model so far; Ctrl-C again ends it without one.

What it fits stays in <model>.folds beside the model. With it the training goes on, when it was killed and when
it should have more time:

  athanor continue houses-model
  athanor continue houses-model --time 30m
""")
DEFAULT_TIME = "10m"


def train(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=f"Table to learn from: {reading.FORMATS}.", exists=True, dir_okay=False, readable=True
        ),
    ],
    *,
    target: Annotated[str, typer.Option(metavar="COLUMN", help="Column to predict.")],
    problem: Annotated[
        str | None, typer.Option(metavar="NAME", help="Problem type. [default: found from the target]")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to be good at. [default: the problem's own]")
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time", metavar="TIME", help=f"Time limit, start to end: 90, 10m, 2h. [default: {DEFAULT_TIME}]"
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="best_quality, high_quality, good_quality, medium_quality or fast.")
    ] = "best_quality",
    cores: Annotated[int | None, typer.Option(help="Folds to fit at a time. [default: all cores]")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Memory for all processes: 2GB. [default: 80 % of what is free]")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for the model. [default: <file>-model]")
    ] = None,
    max_trials: Annotated[
        int | None, typer.Option(help="End after so many trials; without --time, by nothing else.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Column to leave out; give it once per column.")
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Label that a binary metric looks at. [default: the last in sort order]"),
    ] = None,
    weight: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column with the weights of the rows.")] = None,
    distribution: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="How a number to predict is spread. [default: as the metric says]"),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="FAMILY", help="Model family to leave out; once per family."),
    ] = None,
    ensemble: Annotated[bool, typer.Option(help="Combine models, or take the single best.")] = True,
    keep: Annotated[
        bool, typer.Option(help="Keep the folds, for `athanor continue`, or nothing but the model.")
    ] = True,
    format: reading.Format = None,  # noqa: A002 - an option's name
    delimiter: reading.Delimiter = None,
    quote: reading.Quote = None,
    encoding: reading.Encoding = None,
    header: reading.Header = None,
    decimal: reading.Decimal = None,
    sheet: reading.Sheet = None,
    member: reading.Member = None,
    dim: reading.Dim = None,
) -> None:
    """Learn to predict one column of a table. Needs no server."""
    started = time.monotonic() if context.obj is None else float(context.obj)
    options = reading.reader_options(
        format=format,
        delimiter=delimiter,
        quote=quote,
        encoding=encoding,
        header=header,
        decimal=decimal,
        sheet=sheet,
        member=member,
        dim=dim,
    )
    from athanor.engine.models import families_meant
    from athanor.engine.plan import Plan

    limit_s = limit_of(time_limit or DEFAULT_TIME) if time_limit or max_trials is None else None
    plan = Plan(
        time_limit_s=limit_s,
        max_trials=max_trials,
        memory_limit=None if memory is None else parse_size(memory),
        cores=cores,
        seed=seed,
        preset=preset,
        excluded_families=families_meant(without or (), field="without"),
        ensemble=ensemble,
    )
    question = Question(
        target=target,
        problem=problem,
        metric=metric,
        positive=positive,
        weight=weight,
        distribution=distribution,
        exclude=tuple(exclude or ()),
    )
    question.check_names()
    model, notes = _free_folder(out, file)
    asked = Asked(file=file.absolute(), options=options, question=question, plan=plan, rows_for=memory_of(plan))
    Training(asked=asked, file=file, model=model, started=started, limit_s=limit_s, keeps=keep, notes=notes).run()


def _free_folder(out: Path | None, file: Path) -> tuple[Path, tuple[str, ...]]:
    """A folder that does not exist yet, or is empty, and what there is to say about others."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            advice = "Give --out a new folder."
            if (folds_of(out) / ASKED).exists():
                advice = (
                    f"Give --out a new folder, or that training more time: {command('continue', out, '--time', '5m')}"
                )
            raise InvalidInput(f"{out} exists and is not empty. {advice}", field="out")
        return out, ()
    stem = file.name.split(".", maxsplit=1)[0] or "table"
    candidate, number, notes = Path(f"{stem}-model"), 2, []
    while candidate.exists() or folds_of(candidate).exists():
        if not candidate.exists():
            notes.append(f"Note: {folds_of(candidate)} has the folds of a training: {command('continue', candidate)}")
        candidate, number = Path(f"{stem}-model-{number}"), number + 1
    return candidate, tuple(notes)
