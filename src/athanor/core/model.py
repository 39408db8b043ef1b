"""Models of a run, registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from athanor.engine.scores import MeasuredOn


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A complete trial, or the ensemble of a run, as its leaderboard shows it."""

    id: UUID
    organization_id: UUID
    run_id: UUID
    name: str  # "LightGBM-2", "Ensemble"
    family: str  # a name in FAMILIES, or "ensemble"
    metric: str
    score: float  # out-of-fold
    rank: int  # 1 is best
    fit_s: float
    predict_s: float
    created_at: datetime
    artifact: str | None = None  # blob prefix of the model folder; None: made from the checkpoints when asked for
    scores: Mapping[str, float] = field(default_factory=dict)  # by all metrics that are defined on the scored rows
    scored_on: MeasuredOn | None = None  # which rows these are; None: there are no `scores`
    n_scored: int = 0  # how many


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """A model that outlives its run."""

    id: UUID
    organization_id: UUID
    project_id: UUID
    name: str
    handle: str  # unique in the organization
    description: str | None
    owner_id: UUID
    created_at: datetime
    updated_at: datetime
    source: str = "automl"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a registered model. It owns its artifact: deleting the run leaves it."""

    id: UUID
    organization_id: UUID
    registered_id: UUID
    number: int  # 1, 2, …
    model_id: UUID  # the model of the run it was made from
    run_id: UUID
    artifact: str  # blob prefix of the model folder
    metric: str
    score: float
    created_at: datetime
    description: str | None = None
