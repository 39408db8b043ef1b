"""Every code that an answer can carry stands in the reference of the API."""

from __future__ import annotations

import re
from pathlib import Path

from athanor.api.dialects.workbench.errors import CODES, STATUS

ROOT = Path(__file__).parent.parent.parent
# Said when a process starts, or by what no route of the workbench asks for.
NEVER_SENT = {"newer-database", "data-folder-in-use", "job-not-running"}


def test_every_error_code_is_documented():
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    own = set(re.findall(r'code="([a-z-]+)"', source)) - NEVER_SENT
    codes = {CODES.get(code, code) for code in own | {kind.code for kind in STATUS}}
    reference = (ROOT / "docs" / "reference" / "workbench-api.md").read_text()
    section = reference.split("## Errors")[1].split("## Scopes")[0]
    assert {code for code in codes if f"`{code}`" not in section} == set()
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", section)) <= codes
