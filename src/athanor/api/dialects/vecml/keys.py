"""The key in a body: told by looking, before anything of the body is taken apart."""

from __future__ import annotations

import re

KEY = "user_api_key"
_PART = 2**20  # bytes looked at in one go: other threads run in between
_LONGEST = 1024  # of a key with its name
_NAME = KEY.encode()
# In well-formed JSON a quote that no backslash precedes, the name, a quote and a colon are a key, perhaps a deep one.
# The name stands before what must not precede it: a pattern that begins with plain text is found fast.
_IN_JSON = re.compile(rb'"%b"(?<!\\"%b")\s{0,99}:\s{0,99}"([^"\\]{0,400})"' % (_NAME, _NAME))
_IN_FORM = re.compile(rb'name="?%b"?[^\r\n]{0,99}\r\n(?:[^\r\n]{1,99}\r\n){0,9}\r\n([^\r\n]{0,400})\r\n--' % _NAME)


def key_in_json(source: bytes | memoryview) -> str | None:
    """The one text that stands as the key; None where there is none, or several.

    It may stand deeper, or be overridden: whoever reads the body looks whether it is the body's key.
    """
    found: set[bytes] = set()
    for at in range(0, len(source), _PART):
        before = min(at, 1)  # a backslash may stand there
        part = bytes(source[at - before : at + _PART + _LONGEST])
        found.update(match[1] for match in _IN_JSON.finditer(part, before))
        if len(found) > 1:
            break
    return _only(found)


def key_in_form(head: bytes) -> str | None:
    """The same of a multipart form, in what has come of it."""
    return _only(set(_IN_FORM.findall(head)))


def _only(found: set[bytes]) -> str | None:
    return found.pop().decode("utf-8", "replace") if len(found) == 1 else None
