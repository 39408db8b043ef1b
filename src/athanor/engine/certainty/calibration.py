"""Calibration: probabilities that come true as often as they say, learned from answers to rows that no model saw.

Two classes have a map of log-odds: beta calibration, or isotonic regression where there are thousands of rows of both
and it is better. More classes have one temperature. A map is kept only where it makes the log-loss of rows that it was
not fitted on smaller, by more than the noise of the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.predictions import Predictions, Truth
from athanor.engine.problems.binary import BINARY
from athanor.engine.problems.multiclass import MULTICLASS
from athanor.engine.problems.splits import stratified_by_class
from athanor.errors import InvalidInput

FOLDS = 5
MAX_ROWS, MAX_CELLS, LEAST_SAMPLE = 50_000, 1_000_000, 2_000  # that maps are fitted on; three parameters need no more
LEAST_ROWS, LEAST_OF_CLASS = 50, 10  # below this no map is tried
LEAST_FOR_ISOTONIC = 2_000  # rows of the rarer class
BINS = 100  # of equal weight, between which an isotonic map is found
PRIOR = 1.0  # as many rows' worth of doubt pull each parameter towards leaving probabilities as they are
LEAST_SLOPE, GREATEST_SLOPE = 1e-3, 1e3  # of log-probabilities: the order is kept, and seen in floats still
STEPS, TOLERANCE = 40, 1e-7  # of Newton's method
KNEE, BOUND = 30.0, 36.0  # log-odds beyond the knee are squeezed below the bound, where 1 - p is still not 1
_TINY = float(np.finfo(np.float64).tiny)
_LEAST = float(np.finfo(np.float64).eps)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beta:
    """log-odds = a log(p) - b log(1 - p) + c, of the last of two classes.

    Source: Kull, Silva Filho & Flach (2017), Beta calibration, AISTATS.
    """

    a: float
    b: float
    c: float

    def logits(self, probabilities: Floats) -> Floats:
        log_q, log_p = _logarithms(probabilities)
        return (self.a * log_p - self.b * log_q + self.c)[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Isotonic:
    """A rising line of straight pieces from log-odds to log-odds; the outermost pieces go on for ever.

    at, to  (n_knots,) both strictly rising
    slopes  (n_knots + 1,) of the pieces before, between and behind the knots

    Source: Oron & Flournoy (2017), Centered isotonic regression, Statistics in Biopharmaceutical Research 9(3).
    """

    at: tuple[float, ...]
    to: tuple[float, ...]
    slopes: tuple[float, ...]

    def logits(self, probabilities: Floats) -> Floats:
        log_q, log_p = _logarithms(probabilities)
        log_odds, at = log_p - log_q, np.array(self.at)
        piece = np.searchsorted(at, log_odds, side="right")
        knot = np.maximum(piece - 1, 0)
        logits: Floats = np.array(self.to)[knot] + np.array(self.slopes)[piece] * (log_odds - at[knot])
        return logits[:, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """All log-probabilities divided by one number.

    Source: Guo et al. (2017), On calibration of modern neural networks, ICML.
    """

    temperature: float

    def logits(self, probabilities: Floats) -> Floats:
        by_class = np.log(np.maximum(np.ascontiguousarray(probabilities.T), _TINY))
        by_class -= by_class.max(axis=0)
        by_class = by_class / self.temperature
        return by_class.T


Map = Beta | Isotonic | Temperature
_MAPS: Mapping[str, type[Map]] = {"beta": Beta, "isotonic": Isotonic, "temperature": Temperature}


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A map of probabilities that was found to make them truer.

    gain   by how much the mean log-loss of rows that the map was not fitted on became smaller
    error  standard error of that
    """

    map: Map
    gain: float
    error: float

    @property
    def method(self) -> str:
        return next(name for name, kind in _MAPS.items() if isinstance(self.map, kind))

    def apply(self, answers: Predictions) -> Predictions:
        """Answers with calibrated probabilities, and the labels that these make the most likely ones.

        No probability is 0 or 1. The order of rows is kept with two classes, that of a row's classes with more.
        """
        return _mapped(self.map, answers)

    def to_json(self) -> dict[str, Any]:
        return {"method": self.method, "map": asdict(self.map), "gain": self.gain, "error": self.error}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Calibration:
        """Raises InvalidInput where `to_json` did not write it."""
        try:
            numbers: dict[str, Any] = {
                name: tuple(part) if isinstance(part, list) else part for name, part in given["map"].items()
            }
            return cls(map=_MAPS[given["method"]](**numbers), gain=given["gain"], error=given["error"])
        except (AttributeError, KeyError, TypeError) as error:
            raise InvalidInput("This is not a calibration that Athanor wrote.") from error


def fit_calibration(answers: Predictions, truth: Truth, *, seed: int) -> tuple[Calibration | None, Predictions]:
    """The map that makes probabilities truer, and each row's answer under a map that was fitted without this row.

    None, and the answers as they are, where no map was found to help, or there are too few rows to tell.

    answers  out-of-fold, with probabilities, for the rows of `truth`
    """
    all_rows, rows = answers, _sample(truth, _of(answers).shape[1], seed)
    sample, answers = truth.take(rows), answers.take(rows)
    counts = np.bincount(sample.y.astype(np.int64), minlength=len(answers.classes))
    is_binary = len(answers.classes) == 2
    if len(rows) < LEAST_ROWS or (is_binary and counts.min() < LEAST_OF_CLASS):
        return None, all_rows
    fits: list[Callable[[Floats, Truth], Map | None]] = [_fit_beta if is_binary else _fit_temperature]
    if is_binary and counts.min() >= LEAST_FOR_ISOTONIC:
        fits.append(_fit_isotonic)
    folds = stratified_by_class(sample.y, FOLDS, seed)
    chosen: Calibration | None = None
    unseen, best = answers, _losses(answers, sample)
    for fit in fits:
        mapped = _cross_fitted(fit, answers, sample, folds)
        whole = fit(_of(answers), sample)
        if mapped is None or whole is None:
            continue
        losses = _losses(mapped, sample)
        gain, error = _mean_and_error(best - losses, sample.weight)
        if gain > error:  # also than the map that was kept before: it has fewer parameters
            gain, error = _mean_and_error(_losses(answers, sample) - losses, sample.weight)
            chosen, unseen, best = Calibration(map=whole, gain=gain, error=error), mapped, losses
    return (None, all_rows) if chosen is None else (chosen, _with(chosen.apply(all_rows), rows, unseen))


def _sample(truth: Truth, n_classes: int, seed: int) -> NDArray[np.int64]:
    rows = np.arange(len(truth.y)) if truth.weight is None else np.flatnonzero(truth.weight > 0.0)
    most = min(MAX_ROWS, max(MAX_CELLS // n_classes, LEAST_SAMPLE))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return rows


def _of(answers: Predictions) -> Floats:
    if answers.probabilities is None:
        raise InvalidInput("Probabilities can be calibrated, and the predictions hold none.")
    return answers.probabilities


def _mapped(mapping: Map, answers: Predictions) -> Predictions:
    logits = mapping.logits(_of(answers))
    size = np.abs(logits)
    over = np.maximum(size - KNEE, 0.0)
    squeezed = KNEE + (BOUND - KNEE) * (over / (BOUND - KNEE + over))
    bounded = np.where(over > 0.0, np.copysign(squeezed, logits), logits)
    problem = BINARY if logits.shape[1] == 1 else MULTICLASS
    return problem.predictions(bounded, answers.classes)


def _logarithms(probabilities: Floats) -> tuple[Floats, Floats]:
    """Of both classes' probabilities, each in one piece."""
    against, of = (np.log(np.maximum(np.ascontiguousarray(probabilities[:, code]), _TINY)) for code in (0, 1))
    return against, of


def _losses(answers: Predictions, truth: Truth) -> Floats:
    """(n_rows,) -log of the probability of what was there."""
    given = _of(answers)[np.arange(len(truth.y)), truth.y.astype(np.int64)]
    return np.asarray(-np.log(np.clip(given, _LEAST, 1.0 - _LEAST)), np.float64)


def _cross_fitted(
    fit: Callable[[Floats, Truth], Map | None], answers: Predictions, truth: Truth, folds: NDArray[np.int16]
) -> Predictions | None:
    """Each row's answer under a map that was fitted on the other folds' rows; None where one cannot be fitted."""
    found = answers
    for fold in range(FOLDS):
        seen, unseen = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        mapping = fit(_of(answers)[seen], truth.take(seen))
        if mapping is None:
            return None
        found = _with(found, unseen, _mapped(mapping, answers.take(unseen)))
    return found


def _with(answers: Predictions, rows: NDArray[np.int64], others: Predictions) -> Predictions:
    """The same answers, with others for some of the rows."""
    probabilities, codes = _of(answers).copy(), np.array(answers.codes)
    probabilities[rows], codes[rows] = _of(others), others.codes
    return replace(answers, probabilities=probabilities, codes=codes)


def _mean_and_error(values: Floats, weight: Floats | None) -> tuple[float, float]:
    """The weighted mean, and its standard error."""
    shares = np.full(len(values), 1.0 / len(values)) if weight is None else weight / weight.sum()
    mean = float(shares @ values)
    return mean, float(np.sqrt(np.square(shares) @ np.square(values - mean)))


def _row_weights(truth: Truth) -> Floats:
    """(n_rows,) with the mean 1, so that the prior counts as much with weights as without."""
    return np.ones(len(truth.y)) if truth.weight is None else truth.weight / truth.weight.mean()


def _fit_beta(probabilities: Floats, truth: Truth) -> Beta:
    """By Newton's method; a slope that would fall is held where it all but vanishes, and the others are fitted anew."""
    log_q, log_p = _logarithms(probabilities)
    columns, weight = np.stack((log_p, -log_q, np.ones(len(log_p)))), _row_weights(truth)
    parameters, free = np.array([1.0, 1.0, 0.0]), np.array([True, True, True])
    while True:
        parameters = _logistic(columns, truth.y, weight, parameters, free)
        falling = free[:2] & (parameters[:2] < LEAST_SLOPE)
        if not falling.any():
            break
        worst = int(np.argmin(parameters[:2]))  # one at a time: without it the other may rise
        parameters[worst], free[worst] = LEAST_SLOPE, False
    a, b, c = parameters.tolist()
    return Beta(a=a, b=b, c=c)


def _logistic(columns: Floats, y: Floats, weight: Floats, start: Floats, free: NDArray[np.bool_]) -> Floats:
    """The parameters of a logistic regression, those that are not free as they are, the prior around the identity."""
    identity = np.array([1.0, 1.0, 0.0])

    def loss(parameters: Floats) -> float:
        log_odds = parameters @ columns
        fit = float(weight @ (np.logaddexp(0.0, log_odds) - y * log_odds))
        return fit + 0.5 * PRIOR * float(np.square(parameters - identity).sum())

    parameters, now = start.copy(), loss(start)
    for _ in range(STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(parameters @ columns, -500.0, 500.0)))
        gradient = columns @ (weight * (chance - y)) + PRIOR * (parameters - identity)
        curvature = (columns * (weight * chance * (1.0 - chance))) @ columns.T + PRIOR * np.eye(3)
        step = np.zeros(3)
        step[free] = np.linalg.solve(curvature[np.ix_(free, free)], gradient[free])
        while (then := loss(parameters - step)) > now and np.abs(step).max() > TOLERANCE:
            step /= 2.0
        if then > now or np.abs(step).max() <= TOLERANCE:
            break
        parameters, now = parameters - step, then
    return parameters


def _fit_isotonic(probabilities: Floats, truth: Truth) -> Isotonic | None:
    """Isotonic regression over bins of equal weight, through the middle of each step; None where it has one step."""
    from scipy.optimize import isotonic_regression

    log_q, log_p = _logarithms(probabilities)
    order = np.argsort(log_p - log_q, kind="stable")
    log_odds, y, weight = (log_p - log_q)[order], truth.y[order], _row_weights(truth)[order]
    behind = np.cumsum(weight)
    bins = np.minimum((behind - weight / 2.0) / behind[-1] * BINS, BINS - 1).astype(np.int64)
    bins = np.unique(bins[np.searchsorted(log_odds, log_odds)], return_inverse=True)[1]  # equal rows share a bin
    sizes, base = np.bincount(bins, weight), float(weight @ y) / behind[-1]
    rates = (np.bincount(bins, weight * y) + PRIOR * base) / (sizes + PRIOR)  # the prior keeps them off 0 and 1
    middles = np.bincount(bins, weight * log_odds) / sizes
    level = np.round(isotonic_regression(rates, weights=sizes).x, 9)  # some steps rise by a rounding error alone
    steps = np.unique(level, return_inverse=True)[1]
    at = np.bincount(steps, sizes * middles) / np.bincount(steps, sizes)
    chance = np.bincount(steps, sizes * level) / np.bincount(steps, sizes)
    to = np.log(chance) - np.log1p(-chance)
    if len(at) < 2:
        return None
    slopes = np.diff(to) / np.diff(at)
    # Beyond the outermost knots nothing is known that would justify to make odds more extreme than the models' own.
    slopes = np.concatenate((np.minimum(slopes[:1], 1.0), slopes, np.minimum(slopes[-1:], 1.0)))
    return Isotonic(at=tuple(at.tolist()), to=tuple(to.tolist()), slopes=tuple(slopes.tolist()))


def _fit_temperature(probabilities: Floats, truth: Truth) -> Temperature:
    """By Newton's method in 1 / temperature, in which the log-loss has one valley."""
    logits, weight = np.log(np.maximum(probabilities, _TINY)), _row_weights(truth)
    logits -= logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(logits)), truth.y.astype(np.int64)]
    least, greatest = 1.0 / GREATEST_SLOPE, 1.0 / LEAST_SLOPE
    slope = 1.0
    for _ in range(STEPS):
        chances = np.exp(slope * logits)
        chances /= chances.sum(axis=1, keepdims=True)
        mean = np.einsum("ij,ij->i", chances, logits)
        spread = np.einsum("ij,ij,ij->i", chances, logits, logits) - np.square(mean)
        gradient = float(weight @ (mean - of_truth)) + PRIOR * (slope - 1.0)
        if gradient > 0.0:
            greatest = min(greatest, slope)
        else:
            least = max(least, slope)
        then = slope - gradient / (float(weight @ spread) + PRIOR)
        then = then if least <= then <= greatest else (least * greatest) ** 0.5
        if abs(then - slope) <= TOLERANCE * slope:
            break
        slope = then
    return Temperature(temperature=1.0 / slope)
