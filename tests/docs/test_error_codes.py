"""Every code that an answer can carry stands in the reference of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from athanor.api.dialects.workbench.errors import CODES
from athanor.api.statuses import STATUS

ROOT = Path(__file__).parent.parent.parent
# Said when a process starts, by what no route asks for, or by what VecML operations alone ask for, which send no code.
NEVER_SENT = {"newer-database", "data-folder-in-use", "project-exists", "model-exists"}
# What the routes of a dialect cannot come to.
NOT_IN = {
    "native": {"job-not-completed", "model-in-use", "model-not-deployed"},
    "workbench": {
        "row-id-taken",
        "dataset-in-use",
        "profile-failed",
        "job-not-running",
        "checkpoints-gone",
        "dataset-gone",
    },
}
SPELLED: Mapping[str, Mapping[str, str]] = {"native": {}, "workbench": CODES}  # core → vendor, where it is another word


@pytest.mark.parametrize("dialect", SPELLED)
def test_every_error_code_is_documented(dialect):
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    own = set(re.findall(r'code="([a-z-]+)"', source)) - NEVER_SENT - NOT_IN[dialect]
    codes = {SPELLED[dialect].get(code, code) for code in own | {kind.code for kind in STATUS}}
    reference = (ROOT / "docs" / "reference" / f"{dialect}-api.md").read_text()
    section = reference.split("## Errors")[1].split("\n## ")[0]
    assert {code for code in codes if f"`{code}`" not in section} == set()
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", section)) <= codes
