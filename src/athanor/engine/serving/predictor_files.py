"""A model put together from finished folds: links to their files, and a description of them."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from athanor.engine import certainty as about
from athanor.engine.disk import sha256_of
from athanor.engine.fitting.checkpoint import CheckpointStore, FoldRecord
from athanor.engine.serving import model_files
from athanor.engine.tables.schema import Schema
from athanor.engine.task import Label, Task

_LIBRARIES = ("athanor", "catboost", "lightgbm", "numpy", "scikit-learn", "scipy", "xgboost-cpu", "xgboost")


def write_predictor(
    folder: Path,
    checkpoints: CheckpointStore,
    *,
    task: Task,
    schema: Schema,
    classes: tuple[Label, ...],
    score: float | None,
    shares: Mapping[str, float],
    records: Iterable[FoldRecord],
    certainty: about.Certainty | None = None,
) -> None:
    """Put a model together from finished folds: links to their files, and a description.

    score      that the model was chosen by
    certainty  what is done to its answers, and their score then; None where nothing is known of them
    """
    by_trial: dict[str, list[FoldRecord]] = {}
    for record in records:
        by_trial.setdefault(record.trial, []).append(record)
    files: dict[str, str] = {}
    members: list[dict[str, Any]] = []
    for trial in sorted(shares):
        folds = sorted(by_trial[trial], key=lambda record: record.fold)
        for record in folds:
            place = model_place(folder, trial, record.fold)
            model_files.link_files(checkpoints.model_folder(trial, record.fold), place)
            files |= {str((place / name).relative_to(folder)): digest for name, digest in record.files.items()}
            place_of_view = view_place(folder, record.view, record.fold)
            if not place_of_view.exists():
                source = checkpoints.view_folder(record.view, record.fold)
                model_files.link_files(source, place_of_view)
                files |= {
                    str((place_of_view / name).relative_to(folder)): digest
                    for name, digest in sha256_of(source).items()
                }
        members.append(
            {
                "trial": trial,
                "family": folds[0].family,
                "view": folds[0].view,
                "share": shares[trial],
                "folds": [record.fold for record in folds],
            }
        )
    if certainty is not None:
        place = folder / about.FOLDER
        certainty.save(place)
        files |= {str((place / name).relative_to(folder)): digest for name, digest in sha256_of(place).items()}
    head = {
        "task": task.to_json(),
        "schema": schema.to_json(),
        "classes": list(classes),
        "score": score if certainty is None else certainty.score,
        "weighed_score": score,
        "members": members,
        "versions": {"python": platform.python_version(), **_versions()},
    }
    model_files.write_head(folder, head, files)


def model_place(folder: Path, trial: str, fold: int) -> Path:
    return folder / "models" / trial / f"fold-{fold}"


def view_place(folder: Path, view: str, fold: int) -> Path:
    return folder / "views" / view / f"fold-{fold}"


@cache
def _versions() -> dict[str, str]:
    """Of the libraries that are there: looked up once, which takes as long as a small fit."""
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
