"""What is to be learned from a dataset. Says nothing about how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from athanor.engine.tables.schema import ColumnType
from athanor.engine.target_distribution import TargetDistribution
from athanor.errors import InvalidInput

Label = str | int | float | bool  # a class as its owner spells it


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Target, problem and metric of a supervised run; None means: find out from the data.

    `features` None means every column but the target and those in `excluded`. `positive` is the label whose
    probability a binary metric looks at; None takes the last in sort order. `distribution` is of a regression's target;
    None fits what the metric asks for.
    """

    target: str
    problem: str | None = None  # a name in PROBLEMS
    metric: str | None = None  # a name in METRICS
    default_metrics: Mapping[str, str] = field(default_factory=dict)  # problem -> metric, where `metric` is None
    positive: Label | None = None
    features: tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    weight: str | None = None  # column of row weights >= 0
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    distribution: TargetDistribution | None = None

    def __post_init__(self) -> None:
        if not self.target:
            raise InvalidInput("`target` must name a column.", field="target")
        if self.features is not None and not self.features:
            raise InvalidInput(
                "`features` must name at least one column, or be left out to take all.", field="features"
            )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "types": {name: kind.value for name, kind in self.types.items()}}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Task:
        features, distribution = given["features"], given.get("distribution")
        return cls(
            **{
                **given,
                "features": None if features is None else tuple(features),
                "excluded": tuple(given["excluded"]),
                "types": {name: ColumnType(kind) for name, kind in given["types"].items()},
                "distribution": None if distribution is None else TargetDistribution(**distribution),
            }
        )
