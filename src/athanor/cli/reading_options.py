"""What the owner of a file knows about it, as options that every command that reads a table has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from athanor.engine.readers import ReaderOptions

FORMATS = "CSV, Parquet, Arrow, JSON, Excel and more, compressed or not"

# Each is found out from the file's content where it is not given.
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="File format: csv, parquet, arrow, json, jsonl, xlsx, arff, libsvm or float32.",
    ),
]
Delimiter = Annotated[
    str | None, typer.Option(metavar="CHARACTER", help=r"What stands between fields: ',' ';' '\t' '|'.")
]
Quote = Annotated[str | None, typer.Option(metavar="CHARACTER", help="What stands around quoted fields; '' for none.")]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="Encoding of the text: utf-8, cp1252, utf-16 ...")]
Header = Annotated[
    bool | None,
    typer.Option("--header/--no-header", help="Whether the first row names the columns.", show_default=False),
]
Decimal = Annotated[str | None, typer.Option(metavar="SIGN", help="Decimal sign of numbers: '.' or ','.")]
Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="Sheet of a workbook. [default: the first with rows]")]
Member = Annotated[str | None, typer.Option(metavar="NAME", help="File in an archive that holds more than one.")]
Dim = Annotated[
    int | None, typer.Option(metavar="N", help="Numbers in a row of float32; components of libsvm vectors.")
]


def reader_options(
    *,
    format: str | None,  # noqa: A002 - it is called so everywhere else
    delimiter: str | None,
    quote: str | None,
    encoding: str | None,
    header: bool | None,
    decimal: str | None,
    sheet: str | None,
    member: str | None,
    dim: int | None,
) -> ReaderOptions:
    """The options as the readers take them. Raises InvalidInput naming the one that is wrong."""
    from athanor.engine.readers import ReaderOptions, spelled_delimiter

    return ReaderOptions(
        format=format,
        delimiter=spelled_delimiter(delimiter),
        quote=quote,
        encoding=encoding,
        has_header=header,
        decimal=decimal,
        sheet=sheet,
        member=member,
        dim=dim,
    )
