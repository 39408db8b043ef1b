"""Models that an earlier Athanor wrote: they are read, and answer as they did.

`scripts/make_golden.py` writes them. A folder of a released format is never written again.
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from athanor.engine.models import FAMILIES, is_installed
from athanor.engine.problems import PROBLEMS
from athanor.engine.serving.model_files import FORMAT, read_head
from athanor.engine.serving.predictor import Predictor

GOLDEN = Path(__file__).parent.parent / "golden"
MODELS = sorted(path.parent for path in GOLDEN.glob("format-*/*/answers.json"))
NOT_COMPARED = {"athanor", "python"}  # of the versions in a model's description: no number depends on them


@pytest.fixture(params=MODELS, ids=lambda place: f"{place.parent.name}/{place.name}")
def place(request):
    """The folder of a golden model, where the libraries of its families are installed."""
    families = {member["family"] for member in read_head(request.param / "model")["members"]}
    missing = sorted(name for name in families if not is_installed(FAMILIES[name]))
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return request.param


def is_made_here(place, answers) -> bool:
    """By these versions of the libraries, on a processor whose loops they choose alike: then every bit is the same."""
    for name, made_by in read_head(place / "model")["versions"].items():
        try:
            if name not in NOT_COMPARED and version(name) != made_by:
                return False
        except PackageNotFoundError:
            return False
    here = {str(library["architecture"]) for library in threadpool_info() if "architecture" in library}
    return here == set(answers["processor"])


def numbers_of(rows):
    return np.array([[float.fromhex(number) for number in row] for row in rows])


def test_a_golden_model_answers_as_it_did(place):
    rows = json.loads((place / "rows.json").read_text())
    expected = json.loads((place / "answers.json").read_text())
    answers = Predictor.load(place / "model").predict_rows(rows, level=expected["level"])
    found = answers.values[:, None] if answers.probabilities is None else answers.probabilities
    if is_made_here(place, expected):
        assert np.array_equal(found, numbers_of(expected["numbers"]))
    assert found == pytest.approx(numbers_of(expected["numbers"]), rel=1e-6, abs=1e-6)
    if expected["bounds"] is not None:
        bounds = np.stack((answers.lower, answers.upper), axis=1)
        assert bounds == pytest.approx(numbers_of(expected["bounds"]), rel=1e-6, abs=1e-6)
    if expected["sets"] is not None:
        assert answers.sets.tolist() == expected["sets"]
    if expected["labels"] is not None:
        assert answers.labels() == expected["labels"]


def test_a_golden_model_relies_on_what_it_did(place):
    expected = json.loads((place / "answers.json").read_text())["importance"]
    found = {(one.column, one.component): one.share for one in Predictor.load(place / "model").importance()}
    assert found == pytest.approx({(name, part): float.fromhex(share) for name, part, share in expected}, abs=1e-6)


def test_one_row_gets_the_bits_that_it_gets_among_others(place):
    rows = json.loads((place / "rows.json").read_text())
    model = Predictor.load(place / "model")
    together = model.predict_rows(rows)
    for number, row in enumerate(rows):
        alone = model.predict_rows([row])
        assert alone.labels() == together.labels()[number : number + 1]
        if together.probabilities is not None:
            assert np.array_equal(alone.probabilities[0], together.probabilities[number])


def test_every_format_has_a_model_of_every_problem():
    for number in range(1, FORMAT + 1):
        assert {place.name for place in MODELS if place.parent.name == f"format-{number}"} >= set(PROBLEMS.names())


@pytest.mark.parametrize("problem", PROBLEMS.names())
def test_the_newest_format_has_every_family_in_it(problem):
    places = [place for place in MODELS if place.parent.name == f"format-{FORMAT}" and place.name.startswith(problem)]
    there = {member["family"] for place in places for member in read_head(place / "model")["members"]}
    assert there == {name for name in FAMILIES.names() if problem in FAMILIES[name].problems}, (
        "Run scripts/make_golden.py."
    )
