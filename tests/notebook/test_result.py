"""Results: the model, how good it is, and where it is kept."""

from athanor.notebook.predictor import Predictor, load


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


def test_it_saves_its_model(bought, people, tmp_path):
    bought.save(tmp_path / "buyers.athanor")
    assert load(tmp_path / "buyers.athanor").predict(people).equals(bought.predictor.predict(people))
