"""Names of columns: there once each, and taken for nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def unique_names(given: Iterable[str]) -> tuple[list[str], tuple[str, ...]]:
    """The names, with blank, repeated and pattern-like ones replaced, and a warning for each that was.

    Polars takes `*` and what stands between ^ and $ for patterns, wherever it is given a name.
    """
    given = list(given)
    taken = set(given)
    names: list[str] = []
    warnings: list[str] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for position, name in enumerate(given, 1):
        is_pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
        if name and name not in seen and not is_pattern:
            seen.add(name)
            names.append(name)
            continue
        stem, count = (name, max(2, counts[name])) if name and not is_pattern else ("column", position)
        while f"{stem}_{count}" in taken:
            count += 1
        counts[name] = count + 1
        fresh = f"{stem}_{count}"
        taken.add(fresh)
        names.append(fresh)
        what = f"a second column {name!r}" if name else "a column without a name"
        what = f"named {name!r}, which stands for other names" if is_pattern else what
        warnings.append(f"Column {position} is {what}; it is called {fresh!r} here.")
    return names, tuple(warnings)
