"""Athanor: a table goes in, a model comes out that is deployed and watched. docs/architecture.md shows the way.

The names below are for notebooks and programs. Each is loaded when it is asked for: `import athanor` loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from athanor.engine.plan import Plan
    from athanor.engine.tables.arrays import dataset_of
    from athanor.engine.task import Task
    from athanor.notebook.estimators import AthanorClassifier, AthanorRegressor
    from athanor.notebook.learn import learn
    from athanor.notebook.predictor import Predictor, load
    from athanor.notebook.result import Result
    from athanor.notebook.table import Table, read

    __version__: str

__all__ = [
    "AthanorClassifier",
    "AthanorRegressor",
    "Plan",
    "Predictor",
    "Result",
    "Table",
    "Task",
    "__version__",
    "dataset_of",
    "learn",
    "load",
    "read",
]

_PLACES = {
    "AthanorClassifier": "athanor.notebook.estimators",
    "AthanorRegressor": "athanor.notebook.estimators",
    "Plan": "athanor.engine.plan",
    "Predictor": "athanor.notebook.predictor",
    "Result": "athanor.notebook.result",
    "Table": "athanor.notebook.table",
    "Task": "athanor.engine.task",
    "dataset_of": "athanor.engine.tables.arrays",
    "learn": "athanor.notebook.learn",
    "load": "athanor.notebook.predictor",
    "read": "athanor.notebook.table",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        found: Any = import_module("importlib.metadata").version("athanor")
    elif name in _PLACES:
        found = getattr(import_module(_PLACES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
