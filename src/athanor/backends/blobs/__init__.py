"""Where blobs are kept: names of stores and the rule for keys that all of them share."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from athanor.core.ports import BlobStore
from athanor.errors import InvalidInput
from athanor.registry import Registry

STORES: Registry[Callable[[Path], BlobStore]] = Registry(
    "blob store",
    {
        "local": "athanor.backends.blobs.local:LocalBlobs",
        "memory": "athanor.backends.blobs.memory:MemoryBlobs",
    },
)

MAX_KEY = 900  # characters; S3 allows 1,024 and a prefix stands before them
MAX_PART = 200  # characters; file systems allow 255 bytes
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=@+-]*")


def check_key(key: str) -> str:
    """The key. Raises InvalidInput unless it is relative and every part of it is a plain file name everywhere."""
    parts = key.split("/")
    if len(key) > MAX_KEY or not all(len(part) <= MAX_PART and _PART.fullmatch(part) for part in parts):
        raise InvalidInput(
            f"{key[:MAX_KEY]!r} is no key for a blob. It has parts between '/', each of letters, digits and "
            f"_ . = @ + - (not first: . = @ + -), at most {MAX_PART} characters a part and {MAX_KEY} in all."
        )
    return key
