"""The JSON bodies that come for runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from athanor.api.dialects.native.bodies import MAX_LABELS, Body, Name, Text, WholeNumber
from athanor.engine.models import families_meant
from athanor.engine.plan import Plan
from athanor.engine.tables.schema import ColumnType
from athanor.engine.target_distribution import TargetDistribution
from athanor.engine.task import Task
from athanor.errors import InvalidInput
from athanor.services.train import check_plan

MAX_COLUMNS = 50_000  # that a body may name
LONGEST_S = 1e7  # 115 days

Id = Annotated[str, Field(min_length=1, max_length=100)]
Column = Annotated[str, Field(min_length=1, max_length=1000)]
Seconds = Annotated[float, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, lt=2**31)]


class PlanBody(Body):
    """How hard to try. What is left out is as the plan of every run is."""

    time_limit_s: Seconds | None = Field(
        default=3600.0, description="Seconds from start to result; null: no clock, `max_trials` ends it."
    )
    max_trials: Count | None = Field(default=None, description="Complete trials to fit.")
    memory_limit: WholeNumber | None = Field(default=None, description="Bytes that all processes may use together.")
    cores: Count | None = Field(default=None, description="Processes, one core each.")
    seed: WholeNumber = 0
    preset: Name = "best_quality"
    excluded_families: list[Name] = Field(default=[], max_length=100)
    ensemble: bool = True


class StartRun(Body):
    """What to learn, from which dataset, and how hard to try."""

    dataset: Id
    target: Column
    name: Name | None = Field(default=None, description="The target's without it.")
    description: Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")] | None = None
    labels: dict[Name, Text] = Field(default={}, max_length=MAX_LABELS)
    problem: Name | None = Field(default=None, description="Found out from the target without it.")
    metric: Name | None = None
    positive: Annotated[str, Field(max_length=1000)] | WholeNumber | float | bool | None = Field(
        default=None, description="The label whose probability a binary metric looks at."
    )
    features: list[Column] | None = Field(
        default=None, max_length=MAX_COLUMNS, description="All columns but the target without it."
    )
    excluded: list[Column] = Field(default=[], max_length=MAX_COLUMNS)
    weight: Column | None = Field(default=None, description="The column of row weights.")
    distribution: Name | None = Field(
        default=None, description="How a regression's target is spread: `gamma`, `quantile:0.9`, …"
    )
    types: dict[Column, Name] = Field(
        default={}, max_length=MAX_COLUMNS, description="What columns mean, where it is not what was found."
    )
    validation: Id | None = Field(default=None, description="A dataset to score the models on; out-of-fold without it.")
    plan: PlanBody = PlanBody()

    def task(self) -> Task:
        """Raises InvalidInput naming the field."""
        return Task(
            target=self.target,
            problem=self.problem,
            metric=self.metric,
            positive=self.positive,
            features=None if self.features is None else tuple(self.features),
            excluded=tuple(self.excluded),
            weight=self.weight,
            types={name: _column_type(word) for name, word in self.types.items()},
            distribution=None if self.distribution is None else TargetDistribution.parse(self.distribution),
        )

    def core_plan(self) -> Plan:
        """Raises InvalidInput naming the field as it stands in the body."""
        try:
            excluded = families_meant(self.plan.excluded_families, field="excluded_families")
            plan = Plan(**{**self.plan.model_dump(), "excluded_families": excluded})
            check_plan(plan)
        except InvalidInput as error:
            raise InvalidInput(str(error), field=f"plan.{error.field}") from error
        return plan


class ContinueRun(Body):
    """At least one of them."""

    time_limit_s: Seconds | None = Field(default=None, description="Seconds for the continuation alone.")
    more_trials: Count | None = Field(
        default=None, description="Beyond those that the run has, where a number was set for it."
    )

    @model_validator(mode="after")
    def _gives_something(self) -> ContinueRun:
        if self.time_limit_s is None and self.more_trials is None:
            raise ValueError("A run goes on with more time or more trials: send `time_limit_s`, `more_trials` or both")
        return self


def _column_type(word: str) -> ColumnType:
    try:
        return ColumnType(word)
    except ValueError as error:
        known = ", ".join(kind.value for kind in ColumnType)
        raise InvalidInput(f"No column type {word[:80]!r}. Known: {known}.", field="types") from error
