"""What a run's folder holds when its job has ended, as the models that people see."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from athanor.core.ids import new_id
from athanor.core.job import Job
from athanor.core.model import Model
from athanor.engine.leaderboard import read_leaderboard
from athanor.engine.scores import read_scores
from athanor.engine.serving.model_files import read_head
from athanor.errors import InvalidInput, NotFound
from athanor.worker.workplace import Workplace

log = logging.getLogger(__name__)


def run_models(job: Job, folder: Path, place: Workplace, *, former: Sequence[Model] = ()) -> list[Model]:
    """The run's models as its leaderboard ranks them. The first one is what is served.

    former  the models that it had, best first. A trial that is there again keeps its id, and one that was served stays
            what it was, with its files; what is served keeps its id where it is the same model to the bit: whoever has
            deployed it and asks again is to get a better one
    """
    head, scores = read_head(folder), read_scores(folder)
    known = {model.name: model for model in former}
    models: list[Model] = []
    for row in read_leaderboard(folder):
        if row.rank is None or row.score is None:
            continue
        model = Model(
            id=new_id(),
            organization_id=job.organization_id,
            run_id=job.subject_id,
            name=row.name,
            family=row.family,
            metric=head["task"]["metric"],
            score=row.score,
            rank=row.rank,
            fit_s=row.fit_s,
            predict_s=row.predict_s,
            created_at=place.now(),
        )
        if row.rank > 1 and (same := known.get(row.name)) is not None:
            if same.artifact is None:
                model = replace(model, id=same.id, created_at=same.created_at)
            else:  # its scores are those of its files, though its trial may have been fitted for longer since
                model = replace(same, rank=row.rank)
        if row.rank == 1 and former and _is_served(former[0], head, place):
            model = replace(model, id=former[0].id, created_at=former[0].created_at, artifact=former[0].artifact)
        elif row.rank == 1:
            model = replace(model, artifact=f"models/{model.id}")
        if row.rank == 1 and scores is not None:
            on, n_rows = scores.measured_on, scores.n_rows
            model = replace(model, scores=scores.by_metric, scored_on=on, n_scored=n_rows)
        models.append(model)
    return models


def _is_served(model: Model, head: dict[str, object], place: Workplace) -> bool:
    """Whether the model that `head` describes, down to the hashes of its files, is this one."""
    if model.artifact is None:
        return False
    try:
        return read_head(place.blobs.local(model.artifact)) == head
    except (NotFound, InvalidInput) as error:  # then the run gets new files
        log.warning("model not readable", extra={"model_id": str(model.id), "error": str(error)})
        return False
