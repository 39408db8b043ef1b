"""The heavy libraries that families use, imported at once, for processes that are ours alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.abc import MetaPathFinder
from threading import get_ident
from types import ModuleType


def import_learners() -> None:
    """Load everything that fits and predicts, as fast as can be.

    The libraries import scikit-learn, pandas and polars for estimators and frames that nothing here uses; that takes
    longer than they do, and polars starts threads. They are told that there are none, and stay so in this process: do
    not call this in a user's. Other threads may import scikit-learn and polars meanwhile.
    """
    from athanor.engine.features import VIEWS
    from athanor.engine.metrics import METRICS
    from athanor.engine.models import FAMILIES, is_installed
    from athanor.engine.problems import PROBLEMS

    with _refused("sklearn", "polars"), _hidden("pandas"):
        for name in FAMILIES.names():
            if is_installed(FAMILIES[name]):
                for library in FAMILIES[name].libraries:
                    import_module(library)
    for registry in (VIEWS, METRICS, PROBLEMS):
        for name in registry.names():
            _ = registry[name]


@dataclass(frozen=True, slots=True)
class _Refusing(MetaPathFinder):
    """Finds nothing of some packages for one thread: a server's other threads read tables while this one loads."""

    names: frozenset[str]
    thread: int

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        del path, target
        if fullname.partition(".")[0] in self.names and get_ident() == self.thread:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@contextmanager
def _refused(*names: str) -> Iterator[None]:
    """Inside the block an import of these fails in this thread, unless they were imported before."""
    refusing = _Refusing(frozenset(names), get_ident())
    sys.meta_path.insert(0, refusing)
    try:
        yield
    finally:
        sys.meta_path.remove(refusing)


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """The same where a library cannot do without: compiled code takes None from `sys.modules` and looks no further."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
