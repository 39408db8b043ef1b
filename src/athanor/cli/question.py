"""What a person asks to be learned, as words of the command line; a task once the table's columns are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from athanor.errors import InvalidInput

if TYPE_CHECKING:
    from athanor.engine.tables.schema import Schema
    from athanor.engine.target_distribution import TargetDistribution
    from athanor.engine.task import Label, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    target: str
    problem: str | None = None
    metric: str | None = None
    positive: str | None = None
    weight: str | None = None
    distribution: str | None = None  # `quantile:0.9`
    exclude: tuple[str, ...] = ()

    def check_names(self) -> None:
        """Before anything is read, raise what is wrong with any table: NotFound for a problem or metric that does not
        exist, InvalidInput where the words contradict each other or name no distribution.
        """
        if self.target in self.exclude:
            raise InvalidInput(
                f"{self.target!r} is the target and cannot be excluded: it is what is learned, and never a feature. "
                "Leave that --exclude out.",
                field="exclude",
            )
        from athanor.engine.metrics import METRICS
        from athanor.engine.problems import PROBLEMS

        if self.problem is not None:
            _ = PROBLEMS[self.problem]
        if self.metric is not None:
            _ = METRICS[self.metric]
        _ = self._distribution

    def task(self, schema: Schema) -> Task:
        """The task for a table of these columns. Raises InvalidInput naming the columns that there are."""
        from athanor.engine.task import Task

        for name in (self.target, *self.exclude, *([self.weight] if self.weight else ())):
            _ = schema[name]
        return Task(
            target=self.target,
            problem=self.problem,
            metric=self.metric,
            positive=None if self.positive is None else _label(self.positive, schema, self.target),
            excluded=self.exclude,
            weight=self.weight,
            distribution=self._distribution,
        )

    @property
    def _distribution(self) -> TargetDistribution | None:
        from athanor.engine.target_distribution import TargetDistribution

        return None if self.distribution is None else TargetDistribution.parse(self.distribution)


def _label(text: str, schema: Schema, target: str) -> Label:
    """The label that `text` spells, in the type that the target column is stored in."""
    from athanor.engine.tables.schema import Storage

    storage = schema[target].storage
    try:
        if storage is Storage.INTEGER:
            return int(text)
        if storage is Storage.FLOAT:
            return float(text)
    except ValueError as error:
        raise InvalidInput(f"--positive {text!r} is no value of {target!r}, which holds numbers.") from error
    if storage is Storage.BOOLEAN:
        if text.lower() not in {"true", "false"}:
            raise InvalidInput(f"--positive {text!r} is no value of {target!r}, which holds true and false.")
        return text.lower() == "true"
    return text
