"""Boosted trees as they are served."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import lightgbm
import numpy as np
import pytest
from scipy import sparse

from athanor.engine.family.target import Classes, Quantity
from athanor.engine.trees import boosted
from athanor.engine.trees.boosted import FittedTrees, TreeBag, load_trees

RNG = np.random.default_rng(4)
X = RNG.normal(size=(3000, 6)).astype(np.float32)
X[RNG.random(X.shape) < 0.1] = np.nan


def trees(rounds=40, n_classes=0, seed=0, leaves=15):
    signal = np.nan_to_num(X[:400, 0]) * np.nan_to_num(X[:400, 1]) + np.nan_to_num(X[:400, seed % 4])
    parameters = {"objective": "regression", "num_leaves": leaves, "verbosity": -1, "num_threads": 1, "seed": seed}
    target = Quantity(center=10.0 + seed, scale=1.0 / 3.0)
    if n_classes:
        signal = np.digitize(signal, np.quantile(signal, np.arange(1, n_classes) / n_classes)).astype(float)
        parameters |= {"objective": "multiclass", "num_class": n_classes}
        target = Classes(present=tuple(range(n_classes)), n_margins=4, n_rows=400)
    of = lightgbm.train(parameters, lightgbm.Dataset(X[:400], signal), num_boost_round=rounds)
    return FittedTrees(target, of.model_to_string())


def in_one_walk(model):
    """As the library says it."""
    of = lightgbm.Booster(model_str=model.text)
    return model.target.decode(of.predict(X, raw_score=True, num_threads=1).reshape(len(X), -1))


CONSTANT = FittedTrees(Quantity(center=5.0, scale=0.0), "")


@pytest.mark.parametrize("parts", [{}, {"rounds": 90, "leaves": 100}, {"n_classes": 3}, {"n_classes": 4}])
def test_few_and_many_rows_go_other_ways_to_the_same_bits(parts):
    model = trees(**parts)
    expected = in_one_walk(model)
    for size in (1, 8, 9, 300, 1000, 3000, 200):  # the last one through the parts that are there by then
        assert model.margins(X[:size]).tobytes() == expected[:size].tobytes()


def test_rows_may_be_sparse():
    model = trees()
    rows = sparse.csr_matrix(np.nan_to_num(X))
    dense = model.margins(np.nan_to_num(X))
    for size in (1, 50, 3000):
        assert model.margins(rows[:size]).tobytes() == dense[:size].tobytes()


def test_without_the_fast_call_single_rows_get_the_same_bits(monkeypatch):
    monkeypatch.setattr(boosted.RowByRow, "of", classmethod(lambda cls, booster: None))
    model = trees()
    assert model.margins(X[:1]).tobytes() == in_one_walk(model)[:1].tobytes()


def test_rows_of_another_width_are_refused():
    for rows in (X[:1, :5], X[:50, :5], X[:1000, :5]):
        with pytest.raises(lightgbm.basic.LightGBMError, match="number of features"):
            trees().margins(rows)


def test_a_bag_reads_no_fold_model_alone(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        trees(seed=number).save(tmp_path / str(number))
    read = []
    booster = lightgbm.Booster
    monkeypatch.setattr(lightgbm, "Booster", lambda **of: read.append(of) or booster(**of))
    models = [load_trees(tmp_path / str(number)) for number in range(3)]
    assert not read
    TreeBag.of(models, [np.arange(6)] * 3).margins(X[:10])
    assert len(read) == 1


def test_the_booster_that_is_asked_for_the_importance_is_not_kept(monkeypatch):
    model, made = trees(), []
    booster = lightgbm.Booster
    expected = booster(model_str=model.text).feature_importance("gain")

    def make(**given):
        found = booster(**given)
        made.append(weakref.ref(found))
        return found

    monkeypatch.setattr(lightgbm, "Booster", make)
    assert model.importance(6).tolist() == expected.tolist()
    assert [one() for one in made] == [None]


def test_a_bag_gives_the_bits_of_each_model_whatever_their_sizes():
    models = [trees(rounds=3), CONSTANT, trees(rounds=70, n_classes=3, seed=1), trees(rounds=31, seed=2)]
    bag = TreeBag.of(models, [np.arange(6)] * 4)
    expected = [in_one_walk(models[0]), np.full((3000, 1), 5.0), in_one_walk(models[2]), in_one_walk(models[3])]
    for size in (0, 1, 8, 9, 300, 1000, 3000, 200):
        found = bag.margins(X[:size])
        assert [part.tobytes() for part in found] == [part[:size].tobytes() for part in expected]


def test_a_bag_takes_what_it_knows_of_a_wider_matrix():
    model = trees()
    place = np.array([7, 2, 0, 1, 4, 3])
    wide = np.full((3000, 20), 99.0, np.float32)
    wide[:, place] = X
    bag = TreeBag.of([model], [place])
    for size in (1, 50, 3000):
        assert bag.margins(wide[:size])[0].tobytes() == in_one_walk(model)[:size].tobytes()


def test_a_bag_of_models_without_trees_answers_every_row_alike():
    bag = TreeBag.of([CONSTANT, CONSTANT], [np.arange(6)] * 2)
    assert [part.tolist() for part in bag.margins(X[:2])] == [[[5.0], [5.0]]] * 2


def test_other_models_cannot_be_merged_with_trees():
    with pytest.raises(TypeError, match="boosted trees"):
        TreeBag.of([trees(), SimpleNamespace(text="")], [np.arange(6)] * 2)
