"""`athanor train`: a file becomes a model, without a server."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from athanor.cli import reading_options as reading
from athanor.cli.display import Display, display_for_terminal
from athanor.cli.endings import Endings
from athanor.cli.epilogs import as_written
from athanor.cli.quantities import parse_duration, parse_size, spell_duration, spell_size
from athanor.cli.question import Question
from athanor.cli.tables import spell_folds, spell_score
from athanor.cli.training_file import read_file
from athanor.cli.work_folder import put_in_place, remove_left_behind, work_folder
from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.budget import Budget
    from athanor.engine.learn import Result
    from athanor.engine.plan import Plan
    from athanor.engine.pool import LocalPool
    from athanor.engine.readers import ReaderOptions

EPILOG = as_written("""
Examples:

  athanor train houses.csv --target price
  athanor train churn.parquet --target churned --metric f1 --time 5m --out churn-model
  athanor train data.csv --target y --exclude customer_id --max-trials 4 --seed 7

Problems: binary, multiclass, regression.
Metrics: accuracy, average_precision, balanced_accuracy, f1, f1_macro, f1_micro, log_loss, mae, mape, mcc, mse,
precision, precision_macro, precision_micro, r2, recall, recall_macro, recall_micro, rmse, rmsle, roc_auc.

Ctrl-C, SIGTERM and SIGHUP end the training with the best model so far; Ctrl-C again ends it without one.
""")
DEFAULT_TIME = "10m"
ALSO = ("accuracy", "f1_macro", "roc_auc", "log_loss", "rmse", "mae", "r2")  # shown beside the run's own metric
KEEP_BACK_S = 0.25  # of the limit, for writing the model and ending this process
LONGEST_S = 10 * 365 * 86_400


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
        str, typer.Option(metavar="NAME", help="best_quality, high_quality, good_quality or medium_quality.")
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
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="FAMILY", help="Model family to leave out: linear, lightgbm; once per family."),
    ] = None,
    ensemble: Annotated[bool, typer.Option(help="Combine models, or take the single best.")] = True,
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
    from athanor.engine.plan import Plan

    limit_s = _limit_s(time_limit or DEFAULT_TIME) if time_limit or max_trials is None else None
    plan = Plan(
        time_limit_s=limit_s,
        max_trials=max_trials,
        memory_limit=None if memory is None else parse_size(memory),
        cores=cores,
        seed=seed,
        preset=preset,
        excluded_families=_families(without),
        ensemble=ensemble,
    )
    question = Question(
        target=target, problem=problem, metric=metric, positive=positive, weight=weight, exclude=tuple(exclude or ())
    )
    question.check_names()
    folder = _free_folder(out, file)

    from athanor.engine.budget import Budget

    budget = Budget.of(None if limit_s is None else limit_s - KEEP_BACK_S, started=started)
    endings = Endings("ended without a model")
    with ExitStack() as held:
        work = held.enter_context(work_folder(folder))  # gone last, when no process writes into it any more
        pool = held.enter_context(_local_pool(plan))  # it forks, and what comes next starts threads
        display = held.enter_context(display_for_terminal(lambda: time.monotonic() - started))
        with endings.listening(held.close):
            for left in remove_left_behind(folder):
                display.say(f"Removed {left}: a training that was killed left it behind.")
            result = _learn(
                file, options, question, plan, budget=budget, pool=pool, display=display, work=work, endings=endings
            )
        put_in_place(result, folder, work)
    elapsed_s = time.monotonic() - started
    why = f"{result.reason} by {endings.finished_by}" if endings.finished_by else result.reason
    _print_result(result, folder, file, why=why, elapsed_s=elapsed_s, peak_memory=pool.peak_memory)


def _limit_s(text: str) -> float:
    limit_s = parse_duration(text)
    if limit_s > LONGEST_S:
        raise InvalidInput(
            f"--time {text} is more than ten years. Give less; the best so far comes early.", field="time"
        )
    return limit_s


def _learn(
    file: Path,
    options: ReaderOptions,
    question: Question,
    plan: Plan,
    *,
    budget: Budget,
    pool: LocalPool,
    display: Display,
    work: Path,
    endings: Endings,
) -> Result:
    from athanor.engine.checkpoint import FolderCheckpoints
    from athanor.engine.learn import learn

    task, dataset = read_file(
        file,
        options,
        question,
        memory_limit=pool.memory_limit,
        seed=plan.seed,
        folder=work / "segments",
        say=display.say,
    )
    endings.finish_with(budget, display)
    return learn(dataset, task, plan, budget=budget, pool=pool, checkpoints=FolderCheckpoints(work), tell=display.tell)


def _print_result(result: Result, folder: Path, file: Path, *, why: str, elapsed_s: float, peak_memory: int) -> None:
    from athanor.engine.model_files import read_head

    head = read_head(folder)  # not the model itself: loading that would import the learners, which takes seconds
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    members = "1 member" if len(head["members"]) == 1 else f"{len(head['members'])} members"
    score = f"{result.metric} {spell_score(result.score)}"
    served = result.leaderboard[0]
    told = "." if served.folds == served.n_folds else f", {spell_folds(served)}: the model is partial."
    print(f"{head['task']['problem']}: {score}, measured on rows that the models did not see{told}")
    also = [name for name in ALSO if name in result.scores and name != result.metric]
    if also:
        print(f"Also: {', '.join(f'{name} {spell_score(result.scores[name])}' for name in also)}.")
    print(f"Ended after {spell_duration(elapsed_s)} ({why}); at most {spell_size(peak_memory)} of memory.")
    print(f"Model: {folder} ({spell_size(size)}, {members})")
    print(f"Trials: {_command('leaderboard', folder)}")
    print(f"Next: {_command('predict', folder, file, '--out', 'predictions.csv')}")


def _command(*words: object) -> str:
    """As a shell takes it. A name that begins with a dash would be taken for an option."""
    return shlex.join(
        ["athanor", *(f"./{word}" if isinstance(word, Path) and str(word)[0] == "-" else str(word) for word in words)]
    )


def _families(names: list[str] | None) -> tuple[str, ...]:
    from athanor.engine.models import FAMILIES

    for name in names or ():
        if name not in FAMILIES:
            raise InvalidInput(f"No model family named {name!r}. Known: {', '.join(FAMILIES.names())}.")
    return tuple(names or ())


# --- folders and processes --------------------------------------------------------------------------------------------


def _free_folder(out: Path | None, file: Path) -> Path:
    """A folder that does not exist yet, or is empty."""
    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InvalidInput(f"{out} exists and is not empty. Give --out a new folder.", field="out")
        return out
    stem = file.name.split(".", maxsplit=1)[0] or "table"
    candidate, number = Path(f"{stem}-model"), 2
    while candidate.exists():
        candidate, number = Path(f"{stem}-model-{number}"), number + 1
    return candidate


@contextmanager
def _local_pool(plan: Plan) -> Iterator[LocalPool]:
    from athanor.engine import memory
    from athanor.engine.pool import LocalPool

    pool = LocalPool(plan.cores, memory_limit=plan.memory_limit or int(0.8 * memory.available()))
    try:
        yield pool
    finally:
        pool.close()
