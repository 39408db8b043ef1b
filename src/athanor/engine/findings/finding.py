"""A finding: something about a table that its owner should know before learning from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What comes of it when nobody looks."""

    INFO = "info"  # nothing bad
    WARNING = "warning"  # models may be worse, or look better, than they are
    SERIOUS = "serious"  # models may be worthless, or none can be made


class Kind(StrEnum):
    """What was found. docs/reference/profile.md has the threshold of each."""

    ALL_MISSING = "all_missing"
    NEARLY_MISSING = "nearly_missing"
    HIGH_MISSING = "high_missing"
    CONSTANT = "constant"
    ID_LIKE = "id_like"
    DUPLICATE_COLUMNS = "duplicate_columns"
    MIXED_TYPES = "mixed_types"
    DUPLICATE_ROWS = "duplicate_rows"
    CONFLICTING_ROWS = "conflicting_rows"
    TIME_ORDER = "time_order"
    TIME_DRIFT = "time_drift"
    LEAK = "leak"
    TARGET_MISSING = "target_missing"
    TARGET_TYPE = "target_type"
    TARGET_ONE_CLASS = "target_one_class"
    TARGET_RARE_CLASSES = "target_rare_classes"
    TARGET_TEXT_NUMBERS = "target_text_numbers"
    TARGET_ALL_DISTINCT = "target_all_distinct"
    TARGET_SKEW = "target_skew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found, with figures and what to do, in `message`."""

    kind: Kind
    severity: Severity
    columns: tuple[str, ...]
    message: str


MOST_OF_A_KIND = 10


def named(columns: Sequence[str], most: int = 5) -> str:
    """The columns in words, the first few by name."""
    shown = ", ".join(repr(name) for name in columns[:most])
    if len(columns) == 1:
        return f"Column {shown}"
    return f"{len(columns):,} columns ({shown}{', …' if len(columns) > most else ''})"


def shortened(findings: Sequence[Finding]) -> list[Finding]:
    """The first findings of one kind, and one that names the columns of the others."""
    if len(findings) <= MOST_OF_A_KIND:
        return list(findings)
    first, others = findings[: MOST_OF_A_KIND - 1], findings[MOST_OF_A_KIND - 1 :]
    columns = tuple(dict.fromkeys(name for finding in others for name in finding.columns))
    message = f"The same goes for {named(columns)}."
    return [*first, Finding(kind=others[0].kind, severity=others[0].severity, columns=columns, message=message)]
