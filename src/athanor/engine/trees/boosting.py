"""What fits of boosted trees share, whatever the library: how many rounds, when they are enough, whose an error is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from athanor.engine.family import FitInput, Options, Step
from athanor.engine.family.sampling import sample_rows
from athanor.engine.trees.boosted import FittedTrees
from athanor.errors import Impossible

# With many classes each round is as many trees. More of them than this cost seconds to predict with and bring little.
MOST_TREES = 6_000
LEAST_ROUNDS = 30

# A round on few rows, each tree with few features: where there is no time for a round as it should be.
SMALL_ROWS, SMALL_FEATURES = 1_000, 500

OWN_OPTIONS = frozenset({"rounds", "max_rows"})  # all other options are the library's


class TreeFit(Protocol):
    """Rows, options and target of one fit, which has something to learn."""

    @property
    def first_s(self) -> float:
        """Seconds until the first round is done, about."""
        ...

    def smaller(self) -> TreeFit:
        """The same with a first round that takes less."""
        ...

    def constant(self) -> FittedTrees:
        """A model that answers every row alike."""
        ...

    def model(self) -> FittedTrees:
        """Boost until the rows to stop by, the options or the watch say that it is enough."""
        ...


def fit_in_time(fit: TreeFit, watch: Callable[[Step], bool]) -> FittedTrees:
    """Fit; where there is no time for the first round, a fit with a smaller one if there is time for that."""
    if watch(Step(n=0, model=fit.constant, next_s=fit.first_s)):
        small = fit.smaller()
        if small.first_s > fit.first_s / 2 or watch(Step(n=0, model=small.constant, next_s=small.first_s)):
            return fit.constant()
        fit = small
    return fit.model()


def small_input(given: FitInput, options: Options, small: Options, share: str) -> tuple[FitInput, Options]:
    """Few of the rows, and options for small trees of few features.

    small  what makes trees small
    share  the option that says which share of the features a tree is grown with
    """
    given = sample_rows(given, SMALL_ROWS)
    used = min(float(options.get(share, 1.0)), SMALL_FEATURES / given.X.shape[1])
    return given, {**options, **small, share: used}


def rounds_and_rate(options: Options, n_outputs: int) -> tuple[int, float]:
    """How many rounds, and the learning rate of them.

    Fewer rounds than asked for go faster, by the root: halfway between the same fit and the same distance.
    """
    wanted = int(options["rounds"])
    rounds = min(wanted, max(MOST_TREES // n_outputs, LEAST_ROUNDS))
    return rounds, float(options["learning_rate"]) * (wanted / rounds) ** 0.5


def trees_in_all(rounds: float, n_outputs: int) -> float:
    """So many trees come of rounds that are wanted."""
    return max(min(rounds * n_outputs, MOST_TREES), LEAST_ROUNDS * n_outputs)


def is_enough(done: int, best: int) -> bool:
    """Whether the loss has not improved for long: since the round `best`, of those that are done."""
    return done - best > 30 + done // 10


@contextmanager
def errors_as_ours(label: str, kind: type[Exception]) -> Iterator[None]:
    """Around calls of a library, and nothing else: what a watch raises is no word about the rows.

    Raises Impossible where the library refuses the rows, MemoryError where it gets no memory for them.

    label  of the library
    kind   of its errors
    """
    try:
        yield
    except kind as error:
        if "bad_alloc" in str(error) or "memory" in str(error).lower():
            raise MemoryError from error
        raise Impossible(f"{label} cannot be fitted to these rows: {error}.") from error
