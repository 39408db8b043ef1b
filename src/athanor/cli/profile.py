"""`athanor profile`: what a file holds, before anything is learned from it."""

from __future__ import annotations

import io
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from athanor.cli import reading_options as reading
from athanor.cli.endings import Endings
from athanor.cli.epilogs import as_written
from athanor.cli.output_files import check_output, whole_file, write_rejects_file
from athanor.errors import InvalidInput
from athanor.quantities import spell_duration, spell_size

if TYPE_CHECKING:
    from athanor.engine.profiling.profile import Profile
    from athanor.engine.readers import ReaderOptions
    from athanor.engine.readers.segmenting import Written

EPILOG = as_written("""
Examples:

  athanor profile houses.csv
  athanor profile houses.csv --target price --html houses.html     a page with plots
  athanor profile export.txt --delimiter ';' --decimal , --rejects bad.csv
  athanor profile big.parquet --sample 100000 --json > profile.json

The table has a line per column: its type, how much is missing, how many distinct values, a small
histogram, and with --target how far the column alone goes with it (0 not at all, 1 all the way).
Files larger than memory are fine: rows wait in the temporary folder (TMPDIR) meanwhile.
""")
STANDARD_OUTPUT = Path("-")
PIPE_WIDTH = 160  # characters a line where no terminal says how many fit


def profile(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help=f"Table to look at: {reading.FORMATS}.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ],
    *,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column to be predicted: how do the others go with it?")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write one HTML file with plots; - for standard output.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    sample: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Look at so many rows only. [default: all]")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV file for the rows that could not be read.")
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
    """Say what a table holds: columns, gaps, shapes, and what to beware of."""
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
    if sample is not None and sample < 1:
        raise InvalidInput(f"--sample must be at least 1 row, got {sample}.", field="sample")
    wanted = _Wanted(html=html, as_json=as_json, rejects=rejects)
    wanted.check(file)
    _show_what_can_be_shown()
    started = time.monotonic()
    written, found = _profile(file, options, target=target, sample_rows=sample)
    about = f"{written.format}, {spell_size(file.stat().st_size)}, {spell_duration(time.monotonic() - started)}"
    if rejects is not None:
        write_rejects_file(rejects, written.rejects)
    if html is not None:
        _write_page(found, written, file, about, html)
    if as_json:
        _write_bytes(json.dumps(found.to_json(), ensure_ascii=False, allow_nan=False) + "\n")
    _print_reading(found, written, file, about, wanted)
    if wanted.tables:
        _print(found)
    if wanted.page is not None:
        print(f"Page: {wanted.page} ({spell_size(wanted.page.stat().st_size)})", file=wanted.news)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What is to be written, and where."""

    html: Path | None
    as_json: bool
    rejects: Path | None

    @property
    def page(self) -> Path | None:
        """The page's file, if it goes into one."""
        return None if self.html == STANDARD_OUTPUT else self.html

    @property
    def tables(self) -> bool:
        """Whether standard output is for people, and not taken by a page or JSON."""
        return not self.as_json and self.html != STANDARD_OUTPUT

    @property
    def news(self) -> TextIO:
        return sys.stdout if self.tables else sys.stderr

    def check(self, file: Path) -> None:
        if self.as_json and self.html == STANDARD_OUTPUT:
            raise InvalidInput("--json and --html - both want standard output. Give --html a file.", field="html")
        for option, out in (("html", self.page), ("rejects", self.rejects)):
            if out is not None:
                check_output(out, file, option=option)
        if self.page is not None and self.page == self.rejects:
            raise InvalidInput(f"--html and --rejects are both {self.page}. Give them two names.", field="rejects")


def _show_what_can_be_shown() -> None:
    """Names and bars may be more than a terminal's encoding has."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _profile(
    file: Path, options: ReaderOptions, *, target: str | None, sample_rows: int | None
) -> tuple[Written, Profile]:
    """Read the file and look at its rows, in memory for a part of them at a time."""
    from athanor.engine.profiling import profile as looking
    from athanor.engine.readers.segmenting import write_segments
    from athanor.engine.tables.segments import scan_segments

    endings = Endings("ended without a profile")
    with TemporaryDirectory(prefix="athanor-profile-") as folder, endings.listening(lambda: rmtree(folder)):
        written = write_segments(file, Path(folder), options=options)
        rows = scan_segments([segment.path for segment in written.segments], written.schema)
        return written, looking.profile(rows, written.schema, target=target, sample_rows=sample_rows)


def _print_reading(found: Profile, written: Written, file: Path, about: str, wanted: _Wanted) -> None:
    """What came of the file."""
    from athanor.engine.words import count, visible

    columns = count(len(found.columns), "column")
    lines = [f"{visible(str(file), 200)}: {count(found.n_rows, 'row')}, {columns} ({about})"]
    lines += [f"Note: {visible(warning, 1000)}" for warning in written.warnings]
    if written.n_rejected and wanted.rejects is None:
        lines.append(f"{count(written.n_rejected, 'rejected row')}: --rejects FILE keeps them.")
    if found.counted_rows < found.n_rows:
        lines.append(f"All figures are of a sample of {count(found.counted_rows, 'row')}.")
    print("\n".join(lines), file=wanted.news)


def _print(found: Profile) -> None:
    from rich.console import Console

    from athanor.cli.profile_table import print_columns, print_findings

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False, emoji=False)
    if found.findings:
        console.print()
        print_findings(console, found)
    console.print()
    print_columns(console, found)


def _write_page(found: Profile, written: Written, file: Path, about: str, out: Path) -> None:
    from athanor.engine.profile_page.page import About, profile_page

    page = profile_page(
        found,
        About(
            name=file.name,
            read=about,
            warnings=written.warnings,
            rejects=written.rejects,
            n_rejected=written.n_rejected,
        ),
    )
    if out == STANDARD_OUTPUT:
        _write_bytes(page)
        return
    with whole_file(out) as unfinished:
        unfinished.write_text(page, encoding="utf-8")


def _write_bytes(text: str) -> None:
    """To standard output in UTF-8, whatever the terminal's encoding is."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
