"""What the owner of a table should know before learning from it."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

from athanor.engine.findings import Kind, Severity, findings_of
from athanor.engine.tables.facts import Source, facts
from athanor.engine.tables.inference import infer

N = 400
RNG = np.random.default_rng(5)
NOISE = RNG.normal(size=N)
OTHER = RNG.normal(size=N)
CLASSES = np.where(OTHER + 0.5 * RNG.normal(size=N) > 0, "yes", "no")


def found(columns, *, target=None, lazy=False):
    frame = pl.DataFrame(columns)
    schema, source = infer(frame), Source(frame.lazy() if lazy else frame)
    return findings_of(source, schema, facts(source, schema.names), target=target)


def kinds(columns, **options):
    return {finding.kind for finding in found(columns, **options)}


def one(kind, columns, **options):
    [finding] = [finding for finding in found(columns, **options) if finding.kind is kind]
    return finding


def test_an_ordinary_table_gives_no_findings():
    assert found({"a": NOISE, "b": OTHER, "y": CLASSES}, target="y") == ()
    assert found({"a": NOISE, "b": OTHER, "y": NOISE + OTHER}, target="y") == ()


def test_a_table_without_rows_gives_no_findings():
    assert found({"a": pl.Series([], dtype=pl.Float64), "y": pl.Series([], dtype=pl.String)}, target="y") == ()


def test_columns_that_say_nothing_are_named_with_what_becomes_of_them():
    columns = {
        "a": NOISE,
        "none": pl.Series([None] * N, dtype=pl.String),
        "same": ["x"] * N,
        "row": range(N),
        "rare": [1.5 if i < 4 else None for i in range(N)],
        "half": [float(i % 7) if i % 5 < 2 else None for i in range(N)],
    }
    told = {finding.kind: finding for finding in found(columns)}
    assert told[Kind.ALL_MISSING].columns == ("none",)
    assert told[Kind.CONSTANT].columns == ("same",)
    assert told[Kind.ID_LIKE].columns == ("row",)
    assert told[Kind.NEARLY_MISSING].message == "Column 'rare' is mostly without a value: 99 % of the rows."
    assert told[Kind.HIGH_MISSING].columns == ("half",)
    assert len(told) == 5


def test_many_columns_of_one_kind_are_one_finding():
    finding = one(Kind.CONSTANT, {"a": NOISE, **{f"c{i}": ["x"] * N for i in range(30)}})
    assert len(finding.columns) == 30
    assert finding.message.startswith("30 columns ('c0', 'c1', 'c2', 'c3', 'c4', …) are the same")


def test_the_most_serious_findings_come_first():
    severities = [
        finding.severity for finding in found({"same": [1] * N, "a": NOISE, "leak": CLASSES, "y": CLASSES}, target="y")
    ]
    assert severities == [Severity.SERIOUS, Severity.INFO]


@pytest.mark.parametrize("lazy", [False, True])
def test_columns_with_equal_cells_are_duplicates(lazy):
    nearly = NOISE.copy()
    nearly[-1] += 1
    columns = {"a": NOISE, "b": NOISE, "c": nearly, "w": CLASSES, "v": CLASSES, "n": [None, *NOISE[1:]]}
    duplicates = [f.columns for f in found(columns, lazy=lazy) if f.kind is Kind.DUPLICATE_COLUMNS]
    assert sorted(duplicates) == [("a", "b"), ("w", "v")]


def test_columns_of_vectors_can_be_duplicates_too():
    dense = pl.Series([[float(i), 1.0] for i in range(N)], dtype=pl.Array(pl.Float32, 2))
    sparse = pl.Series([{"indices": [0, i + 1], "values": [1.0, 2.0]} for i in range(N)])
    finding = {f.columns for f in found({"d": dense, "e": dense, "s": sparse, "t": sparse})}
    assert finding == {("d", "e"), ("s", "t")}


@pytest.mark.parametrize("lazy", [False, True])
def test_words_that_are_mostly_numbers_are_told_with_the_first_cell_that_is_none(lazy):
    cells = [None, *(f"{i / 8}" for i in range(N - 3)), "n.v.", "unknown"]
    finding = one(Kind.MIXED_TYPES, {"a": NOISE, "price": cells}, lazy=lazy)
    assert finding.columns == ("price",)
    assert "99.5 % of its values are numbers: 2 are not (first: 'n.v.', row 399)" in finding.message


def test_words_that_are_mostly_dates_are_told_too():
    cells = [f"2024-0{1 + i % 9}-10" for i in range(N - 1)] + ["soon"]
    assert "are dates: 1 are not (first: 'soon', row 400)" in one(Kind.MIXED_TYPES, {"a": NOISE, "day": cells}).message


@pytest.mark.parametrize(
    "cells", [[f"{i:05}" for i in range(N)], [f"A{i % 9}" for i in range(N)], [f"{i:05}" for i in range(N - 1)] + ["x"]]
)
def test_codes_are_no_mixed_types(cells):
    assert Kind.MIXED_TYPES not in kinds({"a": NOISE, "code": cells})


@pytest.mark.parametrize("lazy", [False, True])
def test_rows_that_repeat_are_counted_apart_from_ids(lazy):
    columns = {"row": range(N), "a": [*NOISE[: N - 10], *NOISE[:10]], "b": [*OTHER[: N - 10], *OTHER[:10]]}
    finding = one(Kind.DUPLICATE_ROWS, columns, lazy=lazy)
    assert "(apart from 'row'): 10 (2.5 %)" in finding.message
    assert finding.severity is Severity.INFO


def test_a_single_column_repeats_by_nature_unless_it_holds_texts_or_vectors():
    words = ["red", "green"] * (N // 2)
    texts = [f"this is the sentence number {i // 2}" for i in range(N)]
    vectors = pl.Series([[float(i // 4), 1.0] for i in range(N)], dtype=pl.Array(pl.Float32, 2))
    assert Kind.DUPLICATE_ROWS not in kinds({"word": words, "y": CLASSES}, target="y")
    assert Kind.DUPLICATE_ROWS in kinds({"text": texts, "y": CLASSES}, target="y")
    assert "300 (75 %)" in one(Kind.DUPLICATE_ROWS, {"v": vectors}).message


def test_rows_whose_columns_are_exchanged_are_different_rows():
    assert Kind.DUPLICATE_ROWS not in kinds({"a": [1.5, 2.5], "b": [2.5, 1.5]})


def test_rows_that_contradict_each_other_are_counted():
    columns = {"a": [*NOISE, *NOISE[:12]], "b": [*OTHER, *OTHER[:12]]}
    flipped = ["no" if label == "yes" else "yes" for label in CLASSES[:12]]
    finding = one(Kind.CONFLICTING_ROWS, {**columns, "y": [*CLASSES, *flipped]}, target="y")
    assert "in 'y': 12 (2.9 %)" in finding.message
    assert Kind.CONFLICTING_ROWS not in kinds({**columns, "y": [*CLASSES, *CLASSES[:12]]}, target="y")


DAYS = [datetime(2024, 1, 1) + timedelta(days=i) for i in range(N)]  # noqa: DTZ001 - tables keep times without a zone


@pytest.mark.parametrize("order", [1, -1])
def test_rows_sorted_by_a_time_are_told(order):
    assert one(Kind.TIME_ORDER, {"a": NOISE, "day": DAYS[::order]}).columns == ("day",)


def test_rows_in_no_order_of_time_are_not_told():
    assert Kind.TIME_ORDER not in kinds({"a": NOISE, "day": [DAYS[i] for i in RNG.permutation(N)]})


@pytest.mark.parametrize("y", [NOISE + np.arange(N) / 100, np.where(NOISE + np.arange(N) / 100 > 2, "yes", "no")])
def test_a_target_that_changes_with_time_is_told(y):
    finding = one(Kind.TIME_DRIFT, {"a": OTHER, "day": DAYS, "y": y}, target="y")
    assert finding.columns == ("day", "y")


def test_a_target_that_does_not_change_with_time_is_not_told():
    assert Kind.TIME_DRIFT not in kinds({"a": OTHER, "day": DAYS, "y": CLASSES}, target="y")


THREE = np.array(["low", "mid", "high"])[np.digitize(NOISE, [-0.5, 0.5])]


@pytest.mark.parametrize(
    ("leak", "y", "told"),
    [
        (CLASSES, CLASSES, "AUC 1.0000"),
        (CLASSES == "yes", CLASSES, "AUC 1.0000"),
        (OTHER, np.where(OTHER > 0.3, "yes", "no"), "AUC"),
        (np.abs(OTHER), np.where(np.abs(OTHER) > 0.7, 1, 0), "AUC"),
        (
            [None if label == "no" else value for label, value in zip(CLASSES, NOISE, strict=True)],
            CLASSES,
            "AUC 1.0000",
        ),
        ([{"low": 3, "mid": 1, "high": 2}[level] for level in THREE], THREE, "accuracy 1.0000"),
        (NOISE * 1.8 + 32, NOISE, "R2 1.0000"),
        (np.round(NOISE * 2) / 2, np.round(NOISE * 2) / 2 * 100, "accuracy 1.0000"),
    ],
)
def test_a_column_that_gives_the_target_away_is_a_suspect(leak, y, told):
    finding = one(Kind.LEAK, {"leak": leak, "other": RNG.normal(size=N), "y": y}, target="y")
    assert (finding.columns, finding.severity) == (("leak",), Severity.SERIOUS)
    assert f"'leak' alone gives 'y' away ({told}" in finding.message


@pytest.mark.parametrize(
    ("feature", "y"),
    [
        (OTHER, CLASSES),
        ([f"w{i}" for i in range(N)], CLASSES),
        ([f"w{i // 3}" for i in range(N)], THREE),
        (NOISE + 0.3 * OTHER, NOISE),
        (NOISE, ["rare" if i % 100 == 0 else "usual" for i in range(N)]),
    ],
)
def test_a_good_feature_is_no_suspect_and_neither_is_an_id(feature, y):
    assert Kind.LEAK not in kinds({"feature": feature, "other": RNG.normal(size=N), "y": y}, target="y")


def test_what_is_wrong_with_a_target_is_told():
    def target(y):
        told = {f.kind: f for f in found({"a": NOISE, "y": pl.Series(y)}, target="y")}
        return {kind: finding for kind, finding in told.items() if kind.startswith("target")}

    missing = target([None, *NOISE[1:]])
    assert missing[Kind.TARGET_MISSING].message == "1 of 400 rows (0.2 %) have no 'y'; they are left out of training."
    assert target(pl.Series([None] * N, dtype=pl.String))[Kind.TARGET_MISSING].severity is Severity.SERIOUS
    assert target(["yes"] * N)[Kind.TARGET_ONE_CLASS].severity is Severity.SERIOUS
    assert "'c' (3)" in target([*CLASSES[3:], "c", "c", "c"])[Kind.TARGET_RARE_CLASSES].message
    assert set(target([f"{x:.3f}" for x in NOISE[1:]] + ["none"])) == {Kind.TARGET_TEXT_NUMBERS}
    assert set(target([f"word {i}" for i in range(N)])) == {Kind.TARGET_ALL_DISTINCT}
    assert set(target(np.exp(3 * NOISE))) == {Kind.TARGET_SKEW}
    assert set(target(DAYS)) == {Kind.TARGET_TYPE}
    assert target(NOISE) == target(CLASSES) == {}


def test_the_same_seed_gives_the_same_findings():
    columns = {"leak": CLASSES, "other": OTHER, "day": DAYS, "y": CLASSES}
    assert found(columns, target="y") == found(columns, target="y") == found(columns, target="y", lazy=True)


def test_a_wide_table_has_findings_too():
    columns = {f"c{i}": RNG.normal(size=60) for i in range(2000)}
    columns["c7"] = columns["c3"]
    finding = one(Kind.DUPLICATE_COLUMNS, columns)
    assert finding.columns == ("c3", "c7")


def test_long_lists_of_findings_are_shortened():
    leaks = {f"leak{i:02}": CLASSES == "yes" for i in range(20)}
    told = [f for f in found({**leaks, "y": CLASSES}, target="y") if f.kind is Kind.LEAK]
    assert len(told) == 10
    assert len(told[-1].columns) == 11
    assert told[-1].message.startswith("The same goes for 11 columns")
