"""`athanor predict`: answers of a model for the rows of a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from athanor.cli import reading_options as reading
from athanor.cli.epilogs import as_written
from athanor.cli.output_files import check_output, whole_file, write_rejects_file
from athanor.errors import InvalidInput
from athanor.quantities import spell_duration

if TYPE_CHECKING:
    import polars as pl

    from athanor.engine.predictions import Predictions
    from athanor.engine.readers import Table

EPILOG = as_written("""
Examples:

  athanor predict data-model new.csv                           CSV on standard output
  athanor predict data-model new.csv --out answers.parquet     CSV or Parquet, by the ending
  athanor predict data-model new.csv --proba --out answers.csv
  athanor predict data-model new.csv --interval 0.9            also where the truth is 90 times in 100

The file needs the columns that the model was trained on; others are ignored, and the target may be
missing. The answers stand in the order of the rows: `prediction`, and with --proba one
`proba_<class>` per class. --interval adds `lower` and `upper` to numbers, and one `set_<class>` per
class, true where it may be the one. The model may be the one file of `athanor export`.
""")
ENDINGS = (".csv", ".parquet")
SHOWN = 5  # line numbers, or columns, that a message lists


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model of `athanor train`: its folder, or exported.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help=f"Rows to answer for: {reading.FORMATS}.", exists=True, dir_okay=False, readable=True
        ),
    ],
    *,
    proba: Annotated[bool, typer.Option("--proba", help="Also the probability of each class.")] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="LEVEL",
            help="Also intervals, or sets of classes, that hold the truth in this share of cases, such as 0.9.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="P", help="Answer the positive class where its probability is greater. [default: the model's own]"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write; .csv or .parquet. [default: standard output, as CSV]"),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV file for the rows that cannot be read; the others are predicted. [default: refuse]",
        ),
    ] = None,
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
    """Predict the rows of a file with a trained model."""
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
    if out is not None:
        _check_out(out, file)
    if rejects is not None:
        _check_rejects(rejects, file, out)
    from time import monotonic

    from athanor.engine.fitting.learners import import_learners
    from athanor.engine.readers import read
    from athanor.engine.serving.model_archive import open_model
    from athanor.engine.serving.predictor import Predictor
    from athanor.engine.tables.frames import to_dataset

    begun = monotonic()
    import_learners()
    folder, keep = open_model(model)
    predictor = Predictor.load(folder, keep=keep)
    if proba and not predictor.classes:
        raise InvalidInput("This model predicts a number, so there are no classes for --proba to show.", field="proba")
    if threshold is not None and len(predictor.classes) != 2:
        raise InvalidInput(
            "--threshold is for models that tell two classes apart, and this one does not.", field="threshold"
        )
    table = read(file, options=options, schema=predictor.schema)
    if rejects is None and table.n_rejected:
        raise InvalidInput(_refusal(table, file), field="rejects")
    for warning in table.warnings:
        print(f"athanor: {warning}", file=sys.stderr)
    answers = predictor.predict(to_dataset(table.frame, table.schema), level=interval, threshold=threshold)
    if missing := [name for name in predictor.schema.names if name not in table.schema]:
        print(f"athanor: {_missing(missing, file)}", file=sys.stderr)
    if rejects is not None:
        write_rejects_file(rejects, table.rejects)
    _write(_answer_frame(answers, proba=proba), out)
    if out is not None:
        print(f"{len(answers):,} rows -> {out} ({spell_duration(monotonic() - begun)})", file=sys.stderr)


def _check_out(out: Path, file: Path) -> None:
    if out.suffix.lower() not in ENDINGS:
        raise InvalidInput(f"{out} ends with neither .csv nor .parquet, so its format is not known.", field="out")
    check_output(out, file, option="out")


def _check_rejects(rejects: Path, file: Path, out: Path | None) -> None:
    check_output(rejects, file, option="rejects")
    if rejects == out:
        raise InvalidInput(f"--out and --rejects are both {out}. Give them two names.", field="rejects")


def _refusal(table: Table, file: Path) -> str:
    """Without a row the answers below it would stand beside the rows of others."""
    lines = "; ".join(f"line {reject.line} ({reject.reason})" for reject in table.rejects[:SHOWN])
    more = f"; and {table.n_rejected - SHOWN:,} more" if table.n_rejected > SHOWN else ""
    return (
        f"Nothing was predicted: {file} has rows that cannot be read, at {lines}{more}. "
        "Correct them, or give --rejects FILE to set them aside there and predict the others."
    )


def _missing(names: list[str], file: Path) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return (
        f"{file} lacks columns that the model was trained on: {', '.join(map(repr, names[:SHOWN]))}{more}. "
        "They were taken as missing values."
    )


def _answer_frame(answers: Predictions, *, proba: bool) -> pl.DataFrame:
    import polars as pl

    columns: list[pl.Series] = [pl.Series("prediction", answers.labels())]
    if proba and answers.probabilities is not None:
        columns += [
            pl.Series(f"proba_{_spell(label)}", answers.probabilities[:, place])
            for place, label in enumerate(answers.classes)
        ]
    if answers.lower is not None and answers.upper is not None:
        columns += [pl.Series("lower", answers.lower), pl.Series("upper", answers.upper)]
    if answers.sets is not None:
        columns += [
            pl.Series(f"set_{_spell(label)}", answers.sets[:, place]) for place, label in enumerate(answers.classes)
        ]
    return pl.DataFrame(columns)


def _spell(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)


def _write(frame: pl.DataFrame, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(frame.write_csv())
        return
    with whole_file(out) as unfinished:
        if out.suffix.lower() == ".csv":
            frame.write_csv(unfinished)
        else:
            frame.write_parquet(unfinished)
