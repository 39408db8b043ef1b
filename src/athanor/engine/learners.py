"""The heavy libraries that families use, imported at once, for processes that are ours alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


def import_learners() -> None:
    """Load everything that fits and predicts, as fast as can be.

    LightGBM imports scikit-learn for estimators of its own that nothing here uses; that doubles its time. It is told
    that there is none, so its estimators stay unusable in this process: do not call this in a user's.
    """
    from athanor.engine.features import VIEWS
    from athanor.engine.metrics import METRICS
    from athanor.engine.models import FAMILIES, is_installed
    from athanor.engine.problems import PROBLEMS

    with _hidden("sklearn"):
        for name in FAMILIES.names():
            if is_installed(FAMILIES[name]):
                for library in FAMILIES[name].libraries:
                    import_module(library)
    for registry in (VIEWS, METRICS, PROBLEMS):
        for name in registry.names():
            _ = registry[name]


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Inside the block an import of `name` fails as if it were not installed, unless it was imported before."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
