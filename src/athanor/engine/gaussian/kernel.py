"""The kernel of Gaussian processes, Matérn with smoothness 5/2: how alike two rows are by their distance.

Source: Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, chapter 4.
"""

from __future__ import annotations

import numpy as np

from athanor.engine.family.target import Floats


def squared_distances(rows: Floats, others: Floats) -> Floats:
    """(n_rows, n_others) between rows of (n_rows, n_features) and (n_others, n_features), by one matrix product."""
    distances = rows @ others.T
    distances *= -2.0
    distances += np.square(rows).sum(axis=1)[:, None]
    distances += np.square(others).sum(axis=1)
    return np.maximum(distances, 0.0, out=distances)


def matern(distances: Floats) -> Floats:
    """Squared distances in length scales → 1 for the same row, towards 0 far away. Overwrites its input."""
    distances *= 5.0
    far = np.sqrt(distances, out=distances)
    alike = np.exp(-far)
    # (1 + far + far² / 3), as few passes as it takes
    far += 1.5
    far *= far
    far += 0.75
    far /= 3.0
    alike *= far
    return alike


def matern_and_slope(distances: Floats) -> tuple[Floats, Floats]:
    """The kernel, and its derivative by the squared distance with the sign turned. Overwrites its input."""
    distances *= 5.0
    far = np.sqrt(distances, out=distances)
    fading = np.exp(-far)
    slope = (far + 1.0) * fading
    far *= far
    far *= fading
    far /= 3.0
    far += slope
    slope *= 5.0 / 6.0
    return far, slope
