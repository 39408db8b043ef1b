"""Trees written in LightGBM's model text go where the tree says, to the last bit."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from athanor.engine.trees.text import Tree, booster_text, leaf_values, merged_text, parted

NAN = np.nan


def a_tree(feature, threshold, left, right, value, *, missing_left=None, categories=None, gain=None):
    n_nodes = len(feature)
    return Tree(
        feature=np.array(feature, np.intp),
        threshold=np.array(threshold, np.float64),
        left=np.array(left, np.intp),
        right=np.array(right, np.intp),
        missing_left=np.array(missing_left or [False] * n_nodes),
        categories=categories,
        value=np.array(value, np.float64),
        gain=np.array(gain or [1.0] * n_nodes, np.float64),
    )


def a_leaf(value):
    return a_tree([], [], [], [], [value])


def stump(threshold=0.0, left=-1.0, right=1.0, feature=0, **changes):
    return a_tree([feature], [threshold], [~0], [~1], [left, right], **changes)


def raw(text, X):
    return lightgbm.Booster(model_str=text).predict(np.asarray(X), raw_score=True, num_threads=1)


def walk(tree, row):
    """Where the tree's description says that a row goes."""
    if not len(tree.feature):
        return tree.value[0]
    node = 0
    while node >= 0:
        cell = row[tree.feature[node]]
        codes = None if tree.categories is None else tree.categories[node]
        if codes is not None:
            is_left = not np.isnan(cell) and int(cell) in codes
        else:
            is_left = bool(tree.missing_left[node]) if np.isnan(cell) else cell <= tree.threshold[node]
        node = tree.left[node] if is_left else tree.right[node]
    return tree.value[~node]


def a_random_tree(rng, n_features=5, n_leaves=12):
    """Grown by splitting leaves by chance; features 3 and 4 are categories."""
    left, right = np.zeros(n_leaves - 1, np.intp), np.zeros(n_leaves - 1, np.intp)
    for node in range(n_leaves - 1):
        if node:
            leaf = rng.integers(0, node + 1)
            for side in (left, right):
                side[:node][side[:node] == ~leaf] = node
            left[node] = ~leaf
        else:
            left[node] = ~0
        right[node] = ~(node + 1)
    feature = rng.integers(0, n_features, n_leaves - 1)
    return Tree(
        feature=feature,
        threshold=np.round(rng.normal(size=n_leaves - 1), 1),
        left=left,
        right=right,
        missing_left=rng.random(n_leaves - 1) < 0.5,
        categories=[rng.choice(70, 9, replace=False).tolist() if column >= 3 else None for column in feature],
        value=rng.normal(size=n_leaves),
        gain=rng.random(n_leaves - 1),
    )


def random_rows(rng, n_rows=300):
    X = np.round(rng.normal(size=(n_rows, 5)), 1)
    X[:, 3:] = rng.integers(0, 90, (n_rows, 2))
    X[rng.random(X.shape) < 0.1] = NAN
    return X


@pytest.mark.parametrize("threshold", [0.1, 0.0, 1 / 3, -123456.789, -1e300, 2e-35, 1e300])
def test_a_row_at_the_threshold_goes_left_and_one_bit_above_goes_right(threshold):
    text = booster_text([stump(threshold)], n_outputs=1, n_features=1)
    above = np.nextafter(threshold, np.inf) if threshold else 2e-35
    assert raw(text, [[threshold], [above]]).tolist() == [-1.0, 1.0]


def test_what_is_next_to_nothing_counts_as_nothing():
    text = booster_text([stump(0.0)], n_outputs=1, n_features=1)
    assert raw(text, [[1e-36], [-1e-36], [1e-34]]).tolist() == [-1.0, -1.0, 1.0]
    text = booster_text([stump(np.nextafter(0.0, -1.0))], n_outputs=1, n_features=1)  # all below 0
    assert raw(text, [[0.0], [-1e-34]]).tolist() == [1.0, -1.0]


def test_cells_in_single_precision_are_compared_as_they_are():
    text = booster_text([stump(0.1)], n_outputs=1, n_features=1)
    assert raw(text, np.array([[0.1], [0.09]], np.float32)).tolist() == [1.0, -1.0]  # 0.1 in single precision is more


@pytest.mark.parametrize(("missing_left", "expected"), [(True, -1.0), (False, 1.0)])
def test_a_missing_number_goes_where_the_node_says(missing_left, expected):
    for threshold in (-5.0, 5.0):
        text = booster_text([stump(threshold, missing_left=[missing_left])], n_outputs=1, n_features=1)
        assert raw(text, [[NAN]]).tolist() == [expected]


def test_categories_go_left_by_name_and_unseen_and_missing_ones_right():
    text = booster_text([stump(categories=[[0, 3, 31, 32, 64]])], n_outputs=1, n_features=1)
    codes = [0, 3, 31, 32, 64, 1, 30, 33, 63, 65, 1000, -1, NAN]
    assert raw(text, [[code] for code in codes]).tolist() == [-1.0] * 5 + [1.0] * 8


def test_a_node_with_no_category_sends_all_to_the_right():
    text = booster_text([stump(categories=[[]])], n_outputs=1, n_features=1)
    assert raw(text, [[0.0], [1.0], [NAN]]).tolist() == [1.0, 1.0, 1.0]


def test_rows_go_through_random_trees_as_described():
    rng = np.random.default_rng(3)
    trees = [a_random_tree(rng) for _ in range(30)]
    X = random_rows(rng)
    expected = np.zeros((len(X), 3))
    for number, tree in enumerate(trees):
        expected[:, number % 3] += [walk(tree, row) for row in X]
    found = raw(booster_text(trees, n_outputs=3, n_features=5), X)
    assert found.tobytes() == expected.tobytes()


def test_a_tree_may_be_one_leaf():
    trees = [a_leaf(0.1), stump(), a_leaf(1 / 3)]
    text = booster_text(trees, n_outputs=1, n_features=2)
    assert raw(text, [[-1.0, 0.0], [1.0, 0.0]]).tolist() == [0.1 - 1.0 + 1 / 3, 0.1 + 1.0 + 1 / 3]
    assert raw(booster_text([a_leaf(0.1)], n_outputs=1, n_features=2), [[0.0, 0.0]]).tolist() == [0.1]


def test_gains_are_kept_by_feature():
    trees = [stump(feature=1, gain=[0.125]), stump(feature=1, gain=[2.0]), stump(feature=0, gain=[4.0])]
    booster = lightgbm.Booster(model_str=booster_text(trees, n_outputs=1, n_features=3))
    assert booster.feature_importance(importance_type="gain").tolist() == [4.0, 2.125, 0.0]


def trained(seed, rounds, n_outputs=1):
    rng = np.random.default_rng(seed)
    X = random_rows(rng, 400)
    y = np.nan_to_num(X[:, 0]) + np.isin(X[:, 3], [1, 5, 9, 33, 60])
    parameters = {"objective": "regression", "num_leaves": 7, "verbosity": -1, "num_threads": 1, "seed": seed}
    if n_outputs > 1:
        y = np.digitize(y, np.quantile(y, np.arange(1, n_outputs) / n_outputs))
        parameters |= {"objective": "multiclass", "num_class": n_outputs}
    data = lightgbm.Dataset(X, y, categorical_feature=[3, 4])
    return lightgbm.train(parameters, data, num_boost_round=rounds)


def test_merged_boosters_give_the_bits_that_each_gives_alone():
    rng = np.random.default_rng(8)
    trees = [a_random_tree(rng) for _ in range(12)]
    texts = [
        trained(1, 5).model_to_string(),
        trained(2, 17).model_to_string(num_iteration=9),
        trained(3, 4, n_outputs=3).model_to_string(),
        booster_text(trees, n_outputs=2, n_features=5),
    ]
    places = [np.arange(5), np.array([7, 2, 0, 6, 4]), np.array([1, 1, 5, 4, 4]), np.array([0, 2, 1, 3, 6])]
    X = np.random.default_rng(9).permuted(np.hstack([random_rows(rng), random_rows(rng)[:, :3]]), axis=1)
    alone = [raw(text, X[:, place]).reshape(len(X), -1) for text, place in zip(texts, places, strict=True)]
    for rows in (slice(None), slice(5, 6), rng.integers(0, len(X), 1500)):
        merged = raw(merged_text(texts, places, 8), X[rows])
        assert merged.tobytes() == np.hstack(alone)[rows].tobytes()


def test_a_tree_that_the_library_could_not_split_is_merged_with_its_features_renamed():
    """It writes such a tree with empty lines, among others: of a class on which nothing is left to learn."""
    import lightgbm

    rng = np.random.default_rng(3)
    X = rng.normal(size=(200, 2))
    y = np.digitize(X[:, 0], [-1.0, 0.5]).astype(float)
    params = {"objective": "multiclass", "num_class": 3, "learning_rate": 0.9, "verbosity": -1, "num_threads": 1}
    text = lightgbm.train(params, lightgbm.Dataset(X, y, params={"verbosity": -1}), 60).model_to_string()
    assert "\nsplit_feature=\n" in text
    rows = rng.normal(size=(40, 3))
    merged = raw(merged_text([text], [np.array([2, 0])], 3), rows)
    assert merged.tobytes() == raw(text, np.ascontiguousarray(rows[:, [2, 0]])).tobytes()


def test_merged_boosters_may_have_no_trees():
    texts = [booster_text([], n_outputs=1, n_features=1), booster_text([stump()], n_outputs=1, n_features=1)]
    assert raw(merged_text(texts, [np.arange(1)] * 2, 1), [[-1.0], [1.0]]).tolist() == [[0.0, -1.0], [0.0, 1.0]]


def test_a_booster_in_parts_has_all_trees_in_their_order():
    rng = np.random.default_rng(5)
    trees = [a_random_tree(rng) for _ in range(10)] + [a_leaf(0.25), a_random_tree(rng)]
    text = booster_text(trees, n_outputs=3, n_features=5)
    parts = parted(text, 5)
    assert [len(leaf_values(part)) for part in parts] == [5, 5, 2]
    values = [tree for part in parts for tree in leaf_values(part)]
    assert [found.tolist() for found in values] == [tree.value.tolist() for tree in trees]
    X = random_rows(rng)
    for part, grown in zip(parts, (trees[:5], trees[5:10], trees[10:]), strict=True):
        expected = sum(np.array([walk(tree, row) for row in X]) for tree in grown)
        assert raw(part, X).tobytes() == expected.tobytes()
