"""Names to places: how a new kind of thing is one file and one line."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

from athanor.errors import NotFound

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to objects, each imported when it is first asked for."""

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        """`places` gives each name a place spelled `package.module:attribute`."""
        self.kind = kind
        self._places = dict(places)

    def names(self) -> list[str]:
        return sorted(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> T:
        if name not in self._places:
            raise NotFound(f"No {self.kind} named {name!r}. Known: {', '.join(self.names())}.")
        module, _, attribute = self._places[name].partition(":")
        return cast("T", getattr(import_module(module), attribute))
