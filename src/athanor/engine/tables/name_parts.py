"""The words that a column's name is made of: `orderDate` and `order_date` are order and date."""

from __future__ import annotations

import re

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def name_parts(name: str) -> list[str]:
    """In lower case, in their order."""
    return [part.lower() for part in _PART.findall(name)]
