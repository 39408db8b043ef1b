"""How a quantity is spread around what is predicted: it says which loss is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from athanor.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """parameter: its default and bounds, which are not allowed themselves. least: of a target; None: any value."""

    parameter: tuple[float, float, float] | None = None
    least: float | None = None
    may_be_least: bool = True


DISTRIBUTIONS: Mapping[str, _Kind] = {
    "gaussian": _Kind(),  # squared error
    "laplace": _Kind(),  # absolute error: the median
    "huber": _Kind(parameter=(0.9, 0.0, 1.0)),  # squared up to this quantile of the errors' sizes, absolute beyond
    "quantile": _Kind(parameter=(0.5, 0.0, 1.0)),  # the level of the quantile that is predicted
    "poisson": _Kind(least=0.0),  # counts
    "gamma": _Kind(least=0.0, may_be_least=False),  # positive and skewed
    "tweedie": _Kind(parameter=(1.5, 1.0, 2.0), least=0.0),  # many zeros, else skewed: the power of the variance
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDistribution:
    """A name in DISTRIBUTIONS, and its parameter where it has one.

    The mean of poisson, gamma and tweedie is fitted on a logarithmic scale: what is predicted is above 0.
    """

    name: str
    parameter: float | None = None

    def __post_init__(self) -> None:
        kind = DISTRIBUTIONS.get(self.name)
        if kind is None:
            raise InvalidInput(
                f"No distribution {self.name!r}. Known: {', '.join(sorted(DISTRIBUTIONS))}.", field="distribution"
            )
        if kind.parameter is None:
            if self.parameter is not None:
                raise InvalidInput(
                    f"The distribution {self.name!r} has no parameter, got {self.parameter}.", field="distribution"
                )
            return
        default, low, high = kind.parameter
        if self.parameter is None:
            object.__setattr__(self, "parameter", default)
        elif not low < self.parameter < high:
            raise InvalidInput(
                f"The parameter of {self.name!r} must lie between {low:g} and {high:g}, got {self.parameter:g}.",
                field="distribution",
            )

    @property
    def least(self) -> float | None:
        """No value lies below it; None: any may be."""
        return DISTRIBUTIONS[self.name].least

    @property
    def is_positive(self) -> bool:
        """Whether its mean is fitted on a logarithmic scale."""
        return self.least is not None

    def check(self, values: NDArray[np.float64], target: str) -> None:
        """Raises InvalidInput unless a target can have these values."""
        kind = DISTRIBUTIONS[self.name]
        if kind.least is None:
            return
        bad = np.flatnonzero(values < kind.least if kind.may_be_least else values <= kind.least)
        if len(bad):
            wanted = f"of at least {kind.least:g}" if kind.may_be_least else f"above {kind.least:g}"
            raise InvalidInput(
                f"The distribution {self.name!r} needs targets {wanted}; {len(bad):,} rows of {target!r} have others "
                f"(first: {values[bad[0]]:g}). Choose another distribution.",
                field="distribution",
            )
        if not values.any():
            raise InvalidInput(
                f"The distribution {self.name!r} needs a target above 0 in some row of {target!r}.",
                field="distribution",
            )

    @classmethod
    def parse(cls, text: str) -> TargetDistribution:
        """`gaussian`, or with a parameter `quantile:0.9`. Raises InvalidInput."""
        name, colon, parameter = text.strip().lower().partition(":")
        try:
            return cls(name=name, parameter=float(parameter) if colon else None)
        except ValueError as error:
            raise InvalidInput(
                f"The parameter of a distribution must be a number, as in quantile:0.9; got {text!r}.",
                field="distribution",
            ) from error

    def __str__(self) -> str:
        return self.name if self.parameter is None else f"{self.name}:{self.parameter:g}"
