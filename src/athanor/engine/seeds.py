"""Seeds derived from what is fitted: the same wherever, whenever and beside whatever else it is fitted."""

from __future__ import annotations

import hashlib


def seed_for(seed: int, trial: str, fold: int) -> int:
    """A seed for each (trial, fold) of a run with `seed`."""
    digest = hashlib.blake2b(f"{seed}/{trial}/{fold}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFFFFFF
