"""The scores of a served model by every metric, kept beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from athanor.errors import InvalidInput

FILE = "scores.json"


class MeasuredOn(StrEnum):
    """Rows that a model did not see when it was fitted."""

    OUT_OF_FOLD = "out-of-fold"
    VALIDATION = "validation"  # rows that were given for that


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How good a model is on some rows, by each metric that is defined on them."""

    measured_on: MeasuredOn
    n_rows: int
    by_metric: Mapping[str, float]


def write_scores(folder: Path, scores: Scores) -> None:
    """Keep the scores beside a model, in the place of those that are there."""
    written = folder / f".{FILE}"
    written.write_text(json.dumps(asdict(scores), indent=1, allow_nan=False))
    written.replace(folder / FILE)


def read_scores(folder: Path) -> Scores | None:
    """The scores that stand beside a model; None where it was made before there were any."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        head = json.loads(path.read_text())
        by_metric = {str(name): float(score) for name, score in head["by_metric"].items()}
        return Scores(measured_on=MeasuredOn(head["measured_on"]), n_rows=int(head["n_rows"]), by_metric=by_metric)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path} does not hold scores that Athanor wrote.") from error
