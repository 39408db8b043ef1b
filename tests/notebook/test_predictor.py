"""Models in a notebook: answers, saved models, and what they show of themselves."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from athanor.errors import InvalidInput, NotFound
from athanor.notebook.predictor import Predictor, load


def test_answers_have_the_kind_of_the_rows(buyers, people):
    rows = people[["age", "region"]]
    answers = buyers.predict(rows)
    assert isinstance(answers, pd.Series)
    assert answers.index.tolist() == people.index.tolist()
    assert answers.name == "buys"
    kinds = {
        pl.Series: pl.DataFrame(rows.to_dict("list")),
        pa.Array: pa.table(rows.to_dict("list")),
        list: rows.to_dict("records"),
        np.ndarray: rows.to_dict("list"),
    }
    for kind, data in kinds.items():
        found = buyers.predict(data)
        assert isinstance(found, kind)
        assert [str(label) for label in found] == answers.tolist()


def test_probabilities_have_a_column_for_each_class_and_add_up_to_one(buyers, people):
    found = buyers.predict_proba(people)
    assert found.columns.tolist() == list(buyers.classes) == ["no", "yes"]
    assert np.allclose(found.sum(axis=1), 1.0)
    assert (found.idxmax(axis=1) == buyers.predict(people)).all()
    assert buyers.predict_proba(people.to_dict("records"))[0].keys() == {"no", "yes"}


def test_a_number_has_no_probabilities(spending, people):
    assert spending.predict(people).dtype == np.float64
    with pytest.raises(InvalidInput, match="predicts a number"):
        spending.predict_proba(people)


def test_one_row_has_the_bits_that_it_has_among_many(spending, people):
    assert spending.predict(people.iloc[[5]]).iloc[0] == spending.predict(people).iloc[5]
    assert spending.predict(people.iloc[[5]].to_dict("records"))[0] == spending.predict(people).iloc[5]


def test_no_rows_have_no_answers(buyers, people):
    assert buyers.predict(people[:0]).tolist() == []
    assert buyers.predict_proba(people[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (pd.DataFrame({"age": [30]}), "columns that are not there: 'region'"),
        (pd.DataFrame({"age": ["young"], "region": ["north"]}), "young"),
        ([{"age": "young", "region": "north"}], "Row 1, column 'age'"),
        (np.ones((1, 2)), "has no column names"),
    ],
)
def test_rows_that_the_model_cannot_answer_are_refused_in_words(buyers, rows, told):
    with pytest.raises(InvalidInput, match=told):
        buyers.predict(rows)


def test_a_region_that_training_did_not_see_is_answered(buyers):
    assert buyers.predict([{"age": 20, "region": "west"}])[0] in {"yes", "no"}


def test_a_number_lies_between_the_ends_of_its_interval_about_as_often_as_asked(spending, people):
    found = spending.predict_interval(people, level=0.8)
    assert found.columns.tolist() == ["lower", "upper"]
    assert found.index.equals(people.index)
    assert ((found.lower <= people.spends) & (people.spends <= found.upper)).mean() >= 0.7
    wider = spending.predict_interval(people, level=0.95)
    assert ((wider.upper - wider.lower) >= (found.upper - found.lower)).all()
    assert spending.predict_interval(people.to_dict("records"), level=0.8)[0] == found.iloc[0].to_dict()


def test_of_classes_there_are_sets(buyers, people):
    found = buyers.predict_interval(pl.DataFrame(people.to_dict("list")), level=0.9)
    assert found.schema == {"no": pl.Boolean, "yes": pl.Boolean}
    holds = [row[label] for row, label in zip(found.to_dicts(), people.buys, strict=True)]
    assert np.mean(holds) >= 0.85


def test_a_level_outside_of_0_and_1_is_refused(spending, people):
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        spending.predict_interval(people, level=90)


def test_a_model_is_saved_as_a_folder_or_as_one_file_and_answers_the_same(buyers, people, tmp_path):
    buyers.save(tmp_path / "folder")
    buyers.save(tmp_path / "model.athanor")
    for place in (tmp_path / "folder", str(tmp_path / "model.athanor")):
        loaded = load(place)
        assert isinstance(loaded, Predictor)
        assert loaded.predict_proba(people).equals(buyers.predict_proba(people))
    with pytest.raises(InvalidInput, match="not empty"):
        buyers.save(tmp_path / "folder")
    with pytest.raises(NotFound):
        load(tmp_path / "none")


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301
def test_whoever_copies_objects_copies_the_model_by_its_archive(buyers, people, way):
    again = way(buyers)
    assert again.model.folder != buyers.model.folder
    assert again.predict_proba(people).equals(buyers.predict_proba(people))


def test_a_copy_of_the_bytes_holds_no_code(buyers):
    content = buyers.__reduce__()[1][0]
    assert content.startswith(b"PK")  # an archive of files that cannot hold any
    assert b"cpickle" not in content.lower()


def test_what_it_relies_on_adds_up_to_one(buyers):
    found = buyers.importance()
    assert {row["column"] for row in found} == {"age", "region"}
    assert sum(row["share"] for row in found) == pytest.approx(1.0)


def test_it_shows_its_problem_its_score_and_its_members(buyers):
    shown = buyers._repr_html_()
    assert "buys: binary" in shown
    assert f"± {buyers.score_error:.2g}" in shown
    for member in buyers.model.members:
        assert member.family in shown
    assert "http" not in shown
    assert "binary" in repr(buyers)


def test_its_leaderboard_stands_beside_it_wherever_it_goes(buyers, tmp_path):
    buyers.save(tmp_path / "model")
    assert load(tmp_path / "model").leaderboard().rows == buyers.leaderboard().rows


@pytest.mark.parametrize("level", ["a", None, True])
def test_a_level_is_a_number(level, spending, people):
    with pytest.raises(InvalidInput, match="`level` must be a number between 0 and 1"):
        spending.predict_interval(people, level=level)


def test_places_that_cannot_be_are_told(buyers, tmp_path):
    with pytest.raises(InvalidInput, match="`place` must be a path, got None"):
        load(None)
    with pytest.raises(InvalidInput, match="There is no folder"):
        buyers.save(tmp_path / "no" / "dir" / "x.athanor")
