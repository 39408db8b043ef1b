"""Leak suspects: columns each of which alone gives the target away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.findings.finding import Finding, Kind, Severity, shortened
from athanor.engine.tables.association import Codes, Values, codes_of, is_class, is_number, numbers_of
from athanor.engine.tables.facts import Source, by_name
from athanor.engine.tables.schema import Schema

ROWS = 20_000  # that are looked at
FEWEST = 50  # rows with a target, below which chance gives targets away
FEWEST_OF_A_CLASS = 10  # rows of the rarer class, for the same reason
BINS = 256  # of a column of numbers; fewer of few rows,
ROWS_PER_BIN = 8  # so that both halves have some in each
AUC, R2, ACCURACY = 0.995, 0.99, 0.995  # from which one column is a suspect
MOSTLY_SEEN = 0.9  # share of the rows whose value both halves must have, where classes are predicted
ABOVE_CHANCE = 0.95  # part of the errors of the most frequent class that the column must avoid

_Half = NDArray[np.bool_]


def leak_suspects(source: Source, schema: Schema, target: str, problem: str, seed: int) -> list[Finding]:
    """Columns whose values, looked up in one half of the rows, predict the other half nearly perfectly."""
    features = [
        column for column in schema.columns if column.name != target and (is_number(column) or is_class(column))
    ]
    rows = source.some([*(column.name for column in features), target], ROWS, seed)
    rows = rows.filter(by_name([target]).is_not_null())
    if rows.height < FEWEST:
        return []
    halves = np.random.default_rng(seed).permutation(rows.height) % 2 == 0
    y: NDArray[Any] = (numbers_of if problem == "regression" else codes_of)(rows, [target])[target]
    measure, score, least = _MEASURES[problem]
    found = {}
    for name, codes in codes_of(rows, [column.name for column in features]).items():
        reached = score(_cells(codes, is_number=is_number(schema[name])), y, halves)
        if reached >= least:
            found[name] = reached
    for name, values in numbers_of(rows, [column.name for column in features if is_number(column)]).items():
        # Bins are coarse where numbers lie far apart; the target in another unit is a leak, too.
        if problem == "regression" and name not in found and (reached := _linear(values, y)) >= least:
            found[name] = reached
    worst_first = sorted(found, key=lambda name: -found[name])
    return shortened([_finding(name, target, f"{measure} {found[name]:.4f}", rows.height) for name in worst_first])


def _finding(name: str, target: str, score: str, n_rows: int) -> Finding:
    return Finding(
        kind=Kind.LEAK,
        severity=Severity.SERIOUS,
        columns=(name,),
        message=f"{name!r} alone gives {target!r} away ({score} on {n_rows:,} rows). If its values are not known when "
        "predictions are made, exclude it.",
    )


def _cells(codes: Codes, *, is_number: bool) -> Codes:
    """Distinct values, neighbouring ones together where numbers have many; missing is one of them."""
    n_distinct, bins = int(codes.max()) + 1, max(2, min(BINS, len(codes) // ROWS_PER_BIN))
    return 1 + codes * bins // n_distinct if is_number and n_distinct > bins else 1 + codes


def _auc(cells: Codes, codes: Codes, halves: _Half) -> float:
    """Mean of both halves; 0 where a class is too rare to tell."""
    positive = codes == codes.max()
    if min(np.count_nonzero(positive), np.count_nonzero(~positive)) < FEWEST_OF_A_CLASS:
        return 0.0
    n_cells = int(cells.max()) + 1
    scores = []
    for fitted in (halves, ~halves):
        order = np.argsort(_means(cells[fitted], positive[fitted].astype(np.float64), n_cells), kind="stable")
        above = np.bincount(cells[~fitted & positive], minlength=n_cells)[order]
        below = np.bincount(cells[~fitted & ~positive], minlength=n_cells)[order]
        # Rows of one cell are ties.
        pairs = float((above * (np.cumsum(below) - below / 2)).sum())
        scores.append(pairs / max(1, above.sum() * below.sum()))
    return float(np.mean(scores))


def _accuracy(cells: Codes, codes: Codes, halves: _Half) -> float:
    """Share of the rows whose class is the most frequent one of their cell in the other half, if it has such a cell.

    0 where few have, or always saying the most frequent class is nearly as good.
    """
    guessed = np.concatenate([_guessed(cells, codes, fitted) for fitted in (halves, ~halves)])
    truth = np.concatenate([codes[~halves], codes[halves]])
    seen = guessed >= 0
    if np.count_nonzero(seen) < MOSTLY_SEEN * len(codes):
        return 0.0
    score, largest = float((guessed == truth)[seen].mean()), float(np.bincount(codes).max() / len(codes))
    return score if score - largest >= ABOVE_CHANCE * (1 - largest) else 0.0


def _guessed(cells: Codes, codes: Codes, fitted: _Half) -> Codes:
    """The most frequent class of each other row's cell; -1 where none was seen."""
    n_classes = int(codes.max()) + 1
    pairs, counts = np.unique(cells[fitted] * n_classes + codes[fitted], return_counts=True)
    winners = np.full(int(cells.max()) + 1, -1)
    ascending = np.argsort(counts, kind="stable")  # the most frequent is written last
    winners[pairs[ascending] // n_classes] = pairs[ascending] % n_classes
    return winners[cells[~fitted]]


def _r2(cells: Codes, y: Values, halves: _Half) -> float:
    n_cells = int(cells.max()) + 1
    y = _scaled(y)
    predicted = np.empty(len(y))
    for fitted in (halves, ~halves):
        predicted[~fitted] = _means(cells[fitted], y[fitted], n_cells)[cells[~fitted]]
    variance = float(np.var(y))
    return 1 - float(np.mean((y - predicted) ** 2)) / variance if variance else 0.0


def _linear(x: Values, y: Values) -> float:
    """R2 of a straight line; 0 where a value is missing."""
    if np.isnan(x).any():
        return 0.0
    x, y = _scaled(x), _scaled(y)
    variances = float(np.var(x) * np.var(y))
    return float(np.mean((x - x.mean()) * (y - y.mean()))) ** 2 / variances if variances else 0.0


def _scaled(values: Values) -> Values:
    """Squares of numbers near the largest float would be infinite."""
    scaled: Values = values / max(float(np.abs(values).max()), float(np.finfo(np.float64).tiny))
    return scaled


def _means(cells: Codes, y: Values, n_cells: int) -> Values:
    """The mean of `y` in each cell, moved a little to the mean of all, which empty cells have."""
    found: Values = (np.bincount(cells, y, n_cells) + 0.1 * y.mean()) / (np.bincount(cells, minlength=n_cells) + 0.1)
    return found


_MEASURES: dict[str, tuple[str, Callable[[Codes, NDArray[Any], _Half], float], float]] = {
    "binary": ("AUC", _auc, AUC),
    "multiclass": ("accuracy", _accuracy, ACCURACY),
    "regression": ("R2", _r2, R2),
}
