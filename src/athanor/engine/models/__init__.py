"""Model families: what can be fitted. One file each, all under the same contract (tests/contracts)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from athanor.engine.family import Family
from athanor.errors import InvalidInput
from athanor.registry import Registry


def is_installed(family: Family) -> bool:
    """Whether the libraries that it needs are there: some come with an extra."""
    return all(find_spec(library.partition(".")[0]) is not None for library in family.libraries)


FAMILIES: Registry[Family] = Registry(
    "model family",
    {
        "catboost": "athanor.engine.models.catboost:CATBOOST",
        "extra_trees": "athanor.engine.models.extra_trees:EXTRA_TREES",
        "gaussian_process": "athanor.engine.models.gaussian_process:GAUSSIAN_PROCESS",
        "lightgbm": "athanor.engine.models.lightgbm:LIGHTGBM",
        "linear": "athanor.engine.models.linear:LINEAR",
        "neural": "athanor.engine.models.neural:NEURAL",
        "random_forest": "athanor.engine.models.random_forest:RANDOM_FOREST",
        "xgboost": "athanor.engine.models.xgboost:XGBOOST",
    },
)


def family_meant(word: str) -> str | None:
    """The name of the family that a word of a user's stands for: its name, its label or another; None: no family's."""
    wanted = word.strip().lower()
    for name in FAMILIES.names():
        family = FAMILIES[name]
        if wanted in {name, family.label.lower(), *family.aliases}:
            return name
    return None


def families_meant(words: Iterable[str], *, field: str) -> tuple[str, ...]:
    """The names of the families that words of a user's stand for, each once.

    field  that the words were given in, for the error

    Raises InvalidInput where a word stands for none.
    """
    found: dict[str, None] = {}
    for word in words:
        name = family_meant(word)
        if name is None:
            raise InvalidInput(f"No model family named {word!r}. Known: {', '.join(FAMILIES.names())}.", field=field)
        found[name] = None
    return tuple(found)
