"""What two runs under a trial budget have in common to the bit: everything that they keep, but seconds."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

SECONDS = frozenset({"fit_s", "predict_s"})  # in leaderboard.json and fold.json; nothing else tells the time


def bits_of_model(folder: Path) -> dict[str, str]:
    """A hash of each file of a model folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(_timeless(path)).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def bits_of_run(folder: Path) -> dict[str, str]:
    """A hash of each file of a run's folds, views and best model."""
    parts = ("trials", "views", "incumbent")
    return {f"{part}/{name}": found for part in parts for name, found in bits_of_model(folder / part).items()}


def bits_of_answers(answers) -> str:
    """A hash of predictions."""
    cells = answers.values if answers.probabilities is None else answers.probabilities
    return hashlib.sha256(np.ascontiguousarray(cells).tobytes()).hexdigest()


def _timeless(path: Path) -> bytes:
    if path.name not in {"leaderboard.json", "fold.json"}:
        return path.read_bytes()
    return json.dumps(_without_seconds(json.loads(path.read_text()))).encode()


def _without_seconds(value):
    if isinstance(value, list):
        return [_without_seconds(part) for part in value]
    if isinstance(value, dict):
        return {name: _without_seconds(part) for name, part in value.items() if name not in SECONDS}
    return value
