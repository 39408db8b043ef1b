"""What a training was asked for: kept beside its folds, so that it can go on in another process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from athanor.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from athanor.cli.question import Question
    from athanor.engine.plan import Plan
    from athanor.engine.readers import ReaderOptions

FORMAT = 1
ASKED, SPENT = "training.json", "spent"  # names of files


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A training's order.

    rows_for   bytes of memory that the rows were drawn for: for another limit others would be, and the folds not theirs
    continues  it goes on from a training that had ended
    ended      why it ended; None: it did not, or its model is not in place
    trials_left, trials_beyond  as its result said at its end: `learn.Result`; None: it has not ended
    """

    file: Path
    options: ReaderOptions
    question: Question
    plan: Plan
    rows_for: int
    continues: bool = False
    ended: str | None = None
    trials_left: int | None = None
    trials_beyond: int | None = None

    def write(self, folder: Path) -> None:
        """Keep it in `folder`, durably."""
        from athanor.engine.disk import sync_folder

        head = {"format": FORMAT, **asdict(self), "file": str(self.file)}
        unfinished = folder / f"{ASKED}.new"
        unfinished.write_text(json.dumps(head, indent=1))
        sync_folder(unfinished)
        unfinished.replace(folder / ASKED)
        sync_folder(folder)


def read_asked(folder: Path) -> Asked:
    """What the folds in `folder` are for. Raises NotFound where nothing says it, InvalidInput where it is no order."""
    path = folder / ASKED
    if not path.is_file():
        raise NotFound(f"There is no training to go on with in {folder}: {ASKED} is missing. Train anew.")
    try:
        head = dict(json.loads(path.read_bytes()))
        made_by = int(head.pop("format"))
        if made_by != FORMAT:
            raise InvalidInput(f"{path} has format {made_by}; this version of Athanor reads {FORMAT}.")
        return _asked(head)
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is not what Athanor wrote. Train anew, with another --out.") from error


def _asked(head: Mapping[str, Any]) -> Asked:
    from athanor.cli.question import Question
    from athanor.engine.plan import Plan
    from athanor.engine.readers import ReaderOptions

    question, plan = head["question"], head["plan"]
    return Asked(
        **{
            **head,
            "file": Path(head["file"]),
            "options": ReaderOptions(**head["options"]),
            "question": Question(**{**question, "exclude": tuple(question["exclude"])}),
            "plan": Plan(**{**plan, "excluded_families": tuple(plan["excluded_families"])}),
        }
    )


def note_spent(folder: Path, seconds: float) -> None:
    """Keep how many seconds of its limit a training has spent: whole at any instant, but not made durable each time."""
    unfinished = folder / f"{SPENT}.new"
    unfinished.write_text(f"{seconds:.1f}\n")
    unfinished.replace(folder / SPENT)


def read_spent(folder: Path) -> float:
    """Seconds; 0 where nothing is known."""
    try:
        return max(float((folder / SPENT).read_text()), 0.0)
    except (OSError, ValueError):
        return 0.0
