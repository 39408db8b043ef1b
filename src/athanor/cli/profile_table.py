"""A profile in a terminal: findings in words, and a line per column that fits the width there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from athanor.engine.profile_page.summary import most_interesting, shape, values
from athanor.engine.words import count, share, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from athanor.engine.profiling.profile import ColumnProfile, Profile

MOST_COLUMNS = 200
MOST_FINDINGS = 30
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 10
STYLES = {"serious": "bold red", "warning": "yellow", "info": "blue"}
# From so many characters a line on, a column of the table is shown.
ROOM = {"distinct": 45, "distribution": 60, "values": 85}


def print_findings(console: Console, profile: Profile) -> None:
    from rich.text import Text

    for finding in profile.findings[:MOST_FINDINGS]:
        word = finding.severity.value
        console.print(
            Text.assemble((f"{word:<8}", STYLES[word]), visible(finding.message, 1000)),
            soft_wrap=not console.is_terminal,
        )
    if (rest := len(profile.findings) - MOST_FINDINGS) > 0:
        console.print(f"and {count(rest, 'more finding')}: --html and --json have them all", style="dim")


def print_columns(console: Console, profile: Profile) -> None:
    """The most interesting columns, in the order of the file."""
    shown = most_interesting(profile, MOST_COLUMNS)
    strengths = {each.column: each.strength for each in profile.associations}
    table = _table(console.width, has_target=profile.target is not None)
    for position in shown:
        column = profile.columns[position]
        cells = {
            "column": visible(column.name),
            "type": column.type,
            "missing": share(column.missing, profile.counted_rows),
            "distinct": _distinct(column),
            "distribution": spark(shape(column)),
            "values": values(column, profile.profiled_rows),
            "target": _strength(column, profile, strengths.get(column.name)),
        }
        table.add_row(*_texts(cells, table))
    console.print(table)
    if (rest := len(profile.columns) - len(shown)) > 0:
        console.print(f"and {count(rest, 'more column')}: --html and --json have them all", style="dim")


def spark(rows: tuple[int, ...]) -> str:
    """Bars of text, as many as there are counts, at most `SPARK_WIDTH`; a space where there is no row."""
    if len(rows) > SPARK_WIDTH:  # neighbours together
        step = -(-len(rows) // SPARK_WIDTH)
        rows = tuple(sum(rows[at : at + step]) for at in range(0, len(rows), step))
    most = max(rows, default=0)
    return "".join(SPARKS[(len(SPARKS) * each - 1) // most] if each else " " for each in rows)


def _table(width: int, *, has_target: bool) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("column", no_wrap=True, overflow="ellipsis", min_width=8, max_width=max(12, min(30, width // 4)))
    table.add_column("type", no_wrap=True)
    table.add_column("missing", justify="right", no_wrap=True)
    if width >= ROOM["distinct"]:
        table.add_column("distinct", justify="right", no_wrap=True)
    if width >= ROOM["distribution"]:
        table.add_column("distribution", no_wrap=True, min_width=len("distribution"))
    if has_target:
        table.add_column("target", justify="right", no_wrap=True)
    if width >= ROOM["values"]:
        table.add_column("values", no_wrap=True, overflow="ellipsis")
    return table


def _texts(cells: dict[str, str], table: Table) -> list[Text]:
    from rich.text import Text

    return [Text(cells[str(column.header)]) for column in table.columns]


def _distinct(column: ColumnProfile) -> str:
    if column.distinct is None:
        return "-"
    return f"{'~' if column.is_distinct_approximate else ''}{count(column.distinct)}"


def _strength(column: ColumnProfile, profile: Profile, strength: float | None) -> str:
    if column.name == profile.target:
        return "target"
    return "-" if strength is None else f"{strength:.2f}"
