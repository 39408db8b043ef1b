"""What a training was asked for, kept so that another process can go on with it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from athanor.cli.asked import ASKED, SPENT, Asked, note_spent, read_asked, read_spent
from athanor.cli.question import Question
from athanor.engine.plan import Plan
from athanor.engine.readers import ReaderOptions
from athanor.errors import InvalidInput, NotFound

ORDER = Asked(
    file=Path("/data/flats.csv"),
    options=ReaderOptions(delimiter=";", has_header=False, quote=""),
    question=Question(target="dear", metric="f1", positive="yes", distribution="quantile:0.9", exclude=("price", "id")),
    plan=Plan(time_limit_s=90.0, max_trials=4, cores=2, seed=7, preset="good_quality", excluded_families=("linear",)),
    rows_for=2**31,
    continues=True,
    ended="time limit",
)


def test_what_is_kept_comes_back(tmp_path):
    ORDER.write(tmp_path)
    assert read_asked(tmp_path) == ORDER
    changed = replace(ORDER, ended=None)
    changed.write(tmp_path)
    assert read_asked(tmp_path) == changed
    assert [path.name for path in tmp_path.iterdir()] == [ASKED]


def test_a_folder_without_it_is_told_in_words(tmp_path):
    with pytest.raises(NotFound, match=r"There is no training to go on with in .*: training.json is missing"):
        read_asked(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "has format 2; this version of Athanor reads 1"),
        ({"format": "x"}, "is not what Athanor wrote"),
        ({"question": {}}, "is not what Athanor wrote"),
        ({"plan": {"wishes": 3, "excluded_families": []}}, "is not what Athanor wrote"),
        ({"more": 1}, "is not what Athanor wrote"),
    ],
)
def test_one_that_cannot_be_understood_is_refused(change, said, tmp_path):
    ORDER.write(tmp_path)
    (tmp_path / ASKED).write_text(json.dumps({**json.loads((tmp_path / ASKED).read_text()), **change}))
    with pytest.raises(InvalidInput, match=said):
        read_asked(tmp_path)


def test_one_that_is_no_json_is_refused(tmp_path):
    (tmp_path / ASKED).write_text("{")
    with pytest.raises(InvalidInput, match="is not what Athanor wrote"):
        read_asked(tmp_path)


def test_seconds_that_were_spent_are_kept_and_0_where_nothing_is_known(tmp_path):
    assert read_spent(tmp_path) == 0.0
    note_spent(tmp_path, 12.34)
    assert read_spent(tmp_path) == 12.3
    (tmp_path / SPENT).write_text("")
    assert read_spent(tmp_path) == 0.0
