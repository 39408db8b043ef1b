"""Handles: the short, unique form of a free name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from athanor.errors import InvalidInput

MAX_NAME = 200
MAX_HANDLE = 128

_VERBATIM = re.compile(r"(?!\.)[\w.-]([\w. -]*[\w.-])?")


def check_name(name: str, *, field: str = "name") -> str:
    """The name without surrounding space. Raises InvalidInput when it is empty, too long or has control characters."""
    cleaned = name.strip()
    if not cleaned:
        raise InvalidInput(f"`{field}` must not be empty.", field=field)
    if len(cleaned) > MAX_NAME:
        raise InvalidInput(f"`{field}` has {len(cleaned)} characters; {MAX_NAME} are allowed.", field=field)
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in cleaned):
        raise InvalidInput(f"`{field}` must not have control characters.", field=field)
    return cleaned


def check_handle(name: str, *, field: str) -> str:
    """The name itself, where it may be a handle as it stands. Raises InvalidInput with the rule."""
    if len(name) > MAX_HANDLE or not _VERBATIM.fullmatch(name):
        raise InvalidInput(
            f"`{field}` must have 1 to {MAX_HANDLE} characters: letters, digits, `_`, `-`, `.` and spaces between "
            f"them, and no dot at the beginning; got {_shown(name)}.",
            field=field,
        )
    return name


def handle_for(name: str, *, is_taken: Callable[[str], bool]) -> str:
    """A handle made from `name`: lower case, digits and dashes, with a number behind it where it is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "unnamed"
    handle, number = stem, 1
    while is_taken(handle):
        number += 1
        handle = f"{stem}-{number}"
    return handle


def _shown(name: str) -> str:
    return f"{len(name)} characters" if len(name) > MAX_HANDLE else repr(name)
