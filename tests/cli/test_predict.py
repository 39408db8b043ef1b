"""`athanor predict` and `athanor leaderboard`: what a model that was trained is good for."""

import csv
import io
from dataclasses import replace

import polars as pl
import pytest

from athanor.engine.events import LeaderboardRow
from athanor.engine.leaderboard import write_leaderboard


def test_without_out_the_answers_are_csv_on_standard_output_in_the_order_of_the_rows(classifier, athanor):
    ended = athanor("predict", classifier.model, classifier.file)
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    truth = [row["dear"] for row in csv.DictReader(classifier.file.open())]
    assert ended.status == 0
    assert set(rows[0]) == {"prediction"}
    assert len(rows) == len(truth)
    assert sum(row["prediction"] == said for row, said in zip(rows, truth, strict=True)) > 0.8 * len(truth)


def test_with_proba_there_is_one_column_per_class_and_they_sum_to_1(classifier, athanor, tmp_path):
    out = tmp_path / "answers.parquet"
    ended = athanor("predict", classifier.model, classifier.file, "--proba", "--out", out)
    frame = pl.read_parquet(out)
    assert ended.status == 0
    assert ended.out == ""
    assert frame.columns == ["prediction", "proba_no", "proba_yes"]
    assert (frame["proba_no"] + frame["proba_yes"] - 1).abs().max() < 1e-9
    likelier = pl.select(pl.when(frame["proba_yes"] >= 0.5).then(pl.lit("yes")).otherwise(pl.lit("no"))).to_series()
    assert (likelier == frame["prediction"]).all()


def test_intervals_lie_around_the_predicted_values_and_hold_most_true_ones(regressor, athanor, tmp_path):
    out = tmp_path / "answers.parquet"
    ended = athanor("predict", regressor.model, regressor.file, "--interval", "0.9", "--out", out)
    assert ended.status == 0, ended.err
    frame = pl.read_parquet(out)
    assert frame.columns == ["prediction", "lower", "upper"]
    assert (frame["lower"] <= frame["prediction"]).all()
    assert (frame["prediction"] <= frame["upper"]).all()
    wider = athanor(
        "predict", regressor.model, regressor.file, "--interval", "0.99", "--out", tmp_path / "wide.parquet"
    )
    assert wider.status == 0
    assert (pl.read_parquet(tmp_path / "wide.parquet")["upper"] > frame["upper"]).all()


def test_sets_say_for_each_class_whether_it_may_be_the_one_and_hold_the_answer(classifier, athanor):
    ended = athanor("predict", classifier.model, classifier.file, "--interval", "0.95")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert set(rows[0]) == {"prediction", "set_no", "set_yes"}
    assert all(row[f"set_{row['prediction']}"] == "true" for row in rows)


def test_a_threshold_decides_which_class_is_answered(classifier, athanor):
    answered = {}
    for threshold in ("0.001", "0.999"):
        ended = athanor("predict", classifier.model, classifier.file, "--threshold", threshold)
        answered[threshold] = ended.out.splitlines().count("yes")
    assert answered["0.001"] > answered["0.999"]


@pytest.mark.parametrize(
    ("model", "option", "message"),
    [
        ("regressor", ("--threshold", "0.3"), "two classes apart"),
        ("classifier", ("--threshold", "30"), "between 0 and 1"),
        ("classifier", ("--interval", "90"), "such as 0.9"),
    ],
)
def test_levels_and_thresholds_that_are_none_are_refused(model, option, message, athanor, request):
    given = request.getfixturevalue(model)
    ended = athanor("predict", given.model, given.file, *option)
    assert ended.status == 2
    assert message in ended.err


def test_csv_and_parquet_hold_the_same_answers(regressor, athanor, tmp_path):
    for name in ("answers.csv", "answers.parquet"):
        assert athanor("predict", regressor.model, regressor.file, "--out", tmp_path / name).status == 0
    assert pl.read_csv(tmp_path / "answers.csv").equals(pl.read_parquet(tmp_path / "answers.parquet"))


def test_rows_may_lack_the_target_and_other_columns_are_ignored(classifier, athanor, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("note,town,size,garden\nnice,Bonn,140,true\nsmall,Kiel,21,false\nodd,Atlantis,,\n")
    ended = athanor("predict", classifier.model, new)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines()[:3] == ["prediction", "yes", "no"]
    assert len(ended.out.splitlines()) == 4


def test_a_cell_of_the_wrong_kind_is_told_by_row_and_column(classifier, athanor, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("size,town,garden\n30,Ulm,true\nhuge,Bonn,true\n")
    ended = athanor("predict", classifier.model, new)
    assert ended.status == 2
    assert "'size'" in ended.err
    assert "row 2" in ended.err.lower()


def test_a_row_that_cannot_be_read_shifts_no_answers_the_file_is_refused_by_line(classifier, athanor, tmp_path):
    new, out = tmp_path / "new.csv", tmp_path / "answers.csv"
    new.write_text("size,town,garden\n140,Bonn,true\n30,Ulm\n21,Kiel,false\n")
    ended = athanor("predict", classifier.model, new, "--out", out)
    assert ended.status == 2
    assert "line 3 (2 fields where 3 are expected)" in ended.err
    assert "--rejects FILE" in ended.err
    assert not out.exists()


def test_rows_that_cannot_be_read_can_be_set_aside_and_the_others_predicted(classifier, athanor, tmp_path):
    new, bad = tmp_path / "new.csv", tmp_path / "bad.csv"
    new.write_text("size,town,garden\n140,Bonn,true\n30,Ulm\n21,Kiel,false\n")
    ended = athanor("predict", classifier.model, new, "--rejects", bad)
    assert ended.status == 0, ended.err
    assert ended.out.splitlines() == ["prediction", "yes", "no"]
    assert bad.read_text().splitlines() == ["line,reason,text", '3,2 fields where 3 are expected,"30,Ulm"']


def test_answers_and_rejected_rows_do_not_go_into_one_file(classifier, athanor, tmp_path):
    both = tmp_path / "both.csv"
    ended = athanor("predict", classifier.model, classifier.file, "--out", both, "--rejects", both)
    assert ended.status == 2
    assert "two names" in ended.err


@pytest.mark.parametrize("name", ["answers", "answers.xlsx", "answers.csv.zip"])
def test_an_ending_that_names_no_format_is_refused_before_anything_is_read(name, classifier, athanor, tmp_path):
    ended = athanor("predict", classifier.model, classifier.file, "--out", tmp_path / name)
    assert ended.status == 2
    assert "neither .csv nor .parquet" in ended.err


def test_a_model_of_numbers_has_no_probabilities(regressor, athanor):
    ended = athanor("predict", regressor.model, regressor.file, "--proba")
    assert ended.status == 2
    assert "no classes" in ended.err


def test_a_folder_without_a_model_is_told_so(flats, athanor):
    ended = athanor("predict", flats.parent, flats)
    assert ended.status == 2
    assert "no model" in ended.err


def test_a_file_is_never_there_in_part(classifier, athanor, tmp_path):
    out = tmp_path / "there" / "answers.csv"
    ended = athanor("predict", classifier.model, classifier.file, "--out", out)
    assert ended.status == 2
    assert f"There is no folder {out.parent} for --out. Make it first" in ended.err
    out.parent.mkdir()
    assert athanor("predict", classifier.model, classifier.file, "--out", out).status == 0
    assert [path.name for path in out.parent.iterdir()] == ["answers.csv"]


@pytest.mark.parametrize("as_link", [False, True], ids=["by its name", "by a link"])
def test_the_rows_are_not_overwritten_with_the_answers(as_link, classifier, athanor, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_bytes(classifier.file.read_bytes())
    out = tmp_path / "answers.csv" if as_link else tmp_path / "." / "rows.csv"
    if as_link:
        out.symlink_to(rows)
    ended = athanor("predict", classifier.model, rows, "--out", out)
    assert ended.status == 2
    assert "which would be lost" in ended.err
    assert rows.read_bytes() == classifier.file.read_bytes()


def test_the_leaderboard_says_when_what_is_served_is_partial(athanor, tmp_path):
    row = LeaderboardRow(
        rank=1, name="LightGBM", family="lightgbm", score=0.9, fit_s=1.0, predict_s=0.1, folds=1, n_folds=10, trial="a"
    )
    write_leaderboard(tmp_path, [row])
    assert athanor("leaderboard", tmp_path).out.endswith("LightGBM is served and partial: from 1 of 10 folds.\n")
    write_leaderboard(tmp_path, [replace(row, folds=10)])
    assert "partial" not in athanor("leaderboard", tmp_path).out


def test_the_leaderboard_lists_trials_best_first(classifier, athanor):
    ended = athanor("leaderboard", classifier.model)
    head, *lines = ended.out.splitlines()
    assert ended.status == 0
    assert head.split()[:4] == ["rank", "model", "family", "score"]
    assert [line.split()[0] for line in lines][:2] == ["1", "2"]


def test_columns_of_the_training_that_a_file_lacks_are_told_and_the_others_answer(classifier, athanor, tmp_path):
    new = tmp_path / "new.csv"
    new.write_text("size\n140\n20\n")
    ended = athanor("predict", classifier.model, new)
    assert (ended.status, len(ended.out.splitlines())) == (0, 3)
    assert f"{new} lacks columns that the model was trained on: 'town', 'garden'" in ended.err
    assert "lacks" not in athanor("predict", classifier.model, classifier.file).err
