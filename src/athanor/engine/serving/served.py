"""A model's members as they are served: one matrix for the views of all folds, and all fold models asked in one go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from athanor.engine.family import Bag, FittedModel
from athanor.engine.features import FittedView
from athanor.engine.features.joint import JointView, joint_view
from athanor.engine.models import FAMILIES
from athanor.engine.tables.dataset import Dataset

Margins = NDArray[np.float64]
ViewKey = tuple[str, int]  # name of a view, and the fold it was fitted in


@dataclass(frozen=True, slots=True)
class FoldModel:
    """One fold's model, and the view of the columns it wants."""

    view: ViewKey
    model: FittedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A trial in an ensemble: the bag of its fold models. A bag averages margins.

    bag  of all the fold models; None where their views are sparse, so that each is asked on a matrix of its own
    """

    trial: str
    family: str
    share: float
    folds: tuple[FoldModel, ...]
    bag: Bag | None

    def margins(self, matrices: Matrices) -> Margins:
        """(n_rows, n_margins) the mean over the folds, added up in their order: the same bits for one row or many."""
        each: Sequence[Margins]
        if self.bag is None:
            each = [fold.model.margins(matrices.of(fold.view)) for fold in self.folds]
        else:
            each = self.bag.margins(matrices.joint(self.folds[0].view[0]))
        total = each[0]
        for margins in each[1:]:
            total = total + margins
        return total / len(each)


@dataclass(frozen=True, slots=True)
class Views:
    """The fitted views of a model.

    joint  name of a view → the views of all folds as one, and where each fold's features are in it
    """

    fitted: Mapping[ViewKey, FittedView]
    joint: Mapping[str, tuple[JointView, Mapping[ViewKey, NDArray[np.intp]]]]

    @classmethod
    def of(cls, fitted: Mapping[ViewKey, FittedView]) -> Views:
        joint = {}
        for name in sorted({name for name, _ in fitted}):
            keys = [key for key in fitted if key[0] == name]
            together = joint_view([fitted[key] for key in keys])
            if together is not None:
                joint[name] = (together, dict(zip(keys, together.places, strict=True)))
        return cls(fitted, joint)

    @property
    def width(self) -> int:
        """Features of a row, in all matrices that are made of it at once."""
        return sum(view.n_features for view, _ in self.joint.values())

    def member(self, trial: str, family: str, share: float, folds: Sequence[FoldModel]) -> Member:
        name, bag = folds[0].view[0], None
        if name in self.joint:
            _, places = self.joint[name]
            bag = FAMILIES[family].bag([fold.model for fold in folds], [places[fold.view] for fold in folds])
        return Member(trial=trial, family=family, share=share, folds=tuple(folds), bag=bag)


@dataclass(slots=True)
class Matrices:
    """The matrices of some rows, each made when first asked for."""

    views: Views
    features: Dataset
    _joint: dict[str, Any] = field(default_factory=dict)
    _single: dict[ViewKey, Any] = field(default_factory=dict)

    def joint(self, name: str) -> Any:
        """In the views of all folds."""
        if name not in self._joint:
            view, _ = self.views.joint[name]
            self._joint[name] = view.transform(self.features)
        return self._joint[name]

    def of(self, key: ViewKey) -> Any:
        """In the view of one fold."""
        if key not in self._single:
            self._single[key] = self.views.fitted[key].transform(self.features)
        return self._single[key]
