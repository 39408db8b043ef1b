"""Athanor: a table goes in, a model comes out that is deployed and watched. docs/architecture.md shows the way.

The names below are for notebooks, loaded when they are asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {"dataset_of": "athanor.engine.arrays"}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
