"""A table that is no trouble: what benchmarks learn from when they are given no file."""

from __future__ import annotations

from pathlib import Path


def make_table(path: Path, *, n_rows: int) -> Path:
    """A binary problem with 20 numbers and 4 categories, the same every time."""
    import numpy as np
    import polars as pl
    from sklearn.datasets import make_classification

    X, y = make_classification(n_samples=n_rows, n_features=20, n_informative=8, flip_y=0.05, random_state=1)
    rng = np.random.default_rng(1)
    columns = {f"number_{place}": X[:, place] for place in range(20)}
    for place in range(4):
        levels = np.digitize(X[:, place] + rng.normal(0, 1, n_rows), np.linspace(-3, 3, 12))
        columns[f"category_{place}"] = [f"level {level}" for level in levels]
    pl.DataFrame({**columns, "y": ["yes" if label else "no" for label in y]}).write_csv(path)
    return path
