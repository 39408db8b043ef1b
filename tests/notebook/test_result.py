"""Results: the model, how good it is, and where it is kept."""

from dataclasses import replace

from athanor.notebook.learn import learn
from athanor.notebook.predictor import Predictor, load
from athanor.notebook.result import Result
from athanor.quantities import spell_score


def test_it_has_a_model_and_its_score(bought):
    assert isinstance(bought.predictor, Predictor)
    assert bought.metric == "roc_auc"
    assert bought.score == bought.predictor.score == bought.scores["roc_auc"]
    assert bought.reason == "schedule complete"


def test_it_shows_its_score_and_its_leaderboard(bought):
    shown = bought._repr_html_()
    assert "roc_auc" in shown
    assert bought.leaderboard[0]["model"] in shown
    assert bought.leaderboard[0]["model"] in repr(bought)


def test_it_counts_its_trials_and_not_the_ensemble_of_them(bought):
    [row] = bought.run.leaderboard
    ensemble, other = replace(row, trial="ensemble", family="ensemble"), replace(row, trial="other")
    assert "1 trial, ended" in repr(bought)
    assert "2 trials, ended" in repr(Result(replace(bought.run, leaderboard=(ensemble, row, other))))


def test_scores_on_validation_rows_have_a_line_of_their_own(people, quick):
    result = learn(people, "buys", excluded=["spends"], validation=people.head(50), **quick)
    line = f"On 50 validation rows: roc_auc {spell_score(result.scores['roc_auc'])}, "
    assert line in repr(result)
    assert line in result._repr_html_()
    assert f"roc_auc {spell_score(result.score)}, 1 trial" in repr(result)


def test_without_validation_rows_there_is_no_such_line(bought):
    assert "validation rows" not in repr(bought) + bought._repr_html_()


def test_it_saves_its_model(bought, people, tmp_path):
    bought.save(tmp_path / "buyers.athanor")
    assert load(tmp_path / "buyers.athanor").predict(people).equals(bought.predictor.predict(people))
