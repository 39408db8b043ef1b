"""`athanor importance`: what columns are worth, as measured or on a file's rows."""

from __future__ import annotations

import shutil

from athanor.engine.importance.permutation import Drop
from athanor.engine.importance.worth import Worth, write_worth


def test_what_the_training_measured_is_printed_the_greatest_drop_first(classifier, athanor, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(classifier.model, model)
    drops = (
        Drop(columns=("size",), drop=0.3, error=0.02),
        Drop(columns=("town", "garden"), drop=0.01, error=None),
        Drop(columns=("late",), drop=None, error=None),
    )
    write_worth(model, Worth(metric="roc_auc", n_rows=1234, drops=drops))
    ended = athanor("importance", model)
    assert ended.status == 0, ended.err
    told, head, first, second, late = ended.out.splitlines()
    assert told == "Drop of roc_auc, on 1,234 rows that the models did not see."
    assert (head.split(), first.split()) == (["column", "drop", "+/-"], ["size", "0.3", "0.02"])
    assert second.split() == ["town", "+", "garden", "0.01", "-"]
    assert late == "1 column that the models rely on least: not reached in time."


def test_the_rows_of_a_file_tell_as_well(classifier, athanor):
    ended = athanor("importance", classifier.model, classifier.file)
    assert ended.status == 0, ended.err
    told, _, first = ended.out.splitlines()[:3]
    assert first.split()[0] == "size"
    rows = len(classifier.file.read_text().splitlines()) - 1
    assert told == f"Drop of roc_auc, on {rows:,} rows of {classifier.file.name}."


def test_where_nothing_was_measured_shares_are_told_and_what_they_are(classifier, athanor):
    ended = athanor("importance", classifier.model)
    assert ended.status == 0, ended.err
    assert ended.out.startswith("Not measured on rows: shares")
    shares = [float(line.split()[-1]) for line in ended.out.splitlines()[2:]]
    assert abs(sum(shares) - 1) < 0.01


def test_a_file_without_the_target_is_refused(classifier, athanor, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("size,town,garden\n140,Bonn,true\n")
    ended = athanor("importance", classifier.model, new)
    assert ended.status == 2
    assert f"{new} has no column 'dear'" in ended.err


def test_no_time_at_all_is_refused(classifier, athanor):
    ended = athanor("importance", classifier.model, classifier.file, "--time", "0")
    assert ended.status == 2
    assert "--time must be above 0 seconds" in ended.err
