"""Replays of the exchange files: what a client sends, what a worker does meanwhile, and exactly what comes back.

A file is a list of steps. `ask` is a method and a path; `worker` plays the worker; `wait` lets seconds pass. In a body
`$name` stands for what an earlier step kept, and <words> for what cannot be known beforehand; `"...": true` in an
object allows more fields than are named.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from athanor.core.actor import Scope
from athanor.core.event import EventKind
from athanor.core.job import JobState

FILES = sorted((Path(__file__).parent / "exchanges").glob("*.json"))
PATTERNS = {
    "<anything>": r".*",
    "<text>": r".+",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    "<job id>": r"aml_[0-9a-f]{32}",
    "<dataset id>": r"ds_[0-9a-f]{32}",
    "<model id>": r"model_[0-9a-f]{32}",
    "<user id>": r"user_[0-9a-f]{32}",
    "<organization id>": r"org_[0-9a-f]{32}",
    "<key id>": r"key_[0-9a-f]{32}",
    "<prediction id>": r"pred_[0-9a-f]{32}",
    "<request id>": r"req_[0-9a-f]{32}",
    "<key>": r"ath_[0-9a-f]{32}_[\w-]{43}",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_exchange_goes_as_it_is_written(world: Any, file: Path) -> None:
    kept: dict[str, Any] = {}
    for number, written in enumerate(json.loads(file.read_text())["steps"], 1):
        step = filled(written, kept)
        if "wait" in step:
            world.clock.pass_(step["wait"])
        elif "worker" in step:
            play(world, **step["worker"])
        else:
            answer = ask(world, step)
            where = f"{file.stem}, step {number}: {step['ask']} -> {answer.status_code} {answer.text}"
            assert answer.status_code == step["status"], where
            if "body" in step:
                check(answer.json(), step["body"], where)
            else:
                assert answer.content == b"", where
            for name, path in step.get("keep", {}).items():
                found = answer.json()
                for part in path.split("."):
                    found = found[int(part) if part.isdigit() else part]
                kept[name] = found


def test_there_are_exchanges() -> None:
    assert len(FILES) >= 5


def ask(world: Any, step: dict[str, Any]) -> Any:
    method, path = step["ask"].split(" ", 1)
    how: dict[str, Any] = {}
    if "json" in step:
        how["json"] = step["json"]
    if "text" in step:
        how["content"] = step["text"].encode()
    if "file" in step:
        how["files"] = {"file": (step["file"]["name"], step["file"]["text"].encode())}
        how["data"] = step.get("form", {})
    key: str | None = step.get("key", "")
    if isinstance(key, list):
        key = world.a_key(*map(Scope, key))
    return world.call(method, path.removeprefix("http://server"), key=key, headers=step.get("headers", {}), **how)


def play(world: Any, *, job: str, becomes: str | None = None, says: Any = (), leaderboard: Any = None) -> None:
    if becomes is not None:
        world.bring(job, JobState(becomes))
    world.tell(job, *((EventKind.LINE, {"level": line[0], "message": line[1]}) for line in says))
    if leaderboard is not None:
        world.tell(job, (EventKind.LEADERBOARD, {"rows": leaderboard}))


def filled(part: Any, kept: dict[str, Any]) -> Any:
    if isinstance(part, dict):
        return {name: filled(value, kept) for name, value in part.items()}
    if isinstance(part, list):
        return [filled(value, kept) for value in part]
    if isinstance(part, str):
        return re.sub(r"\$(\w+)", lambda found: str(kept[found.group(1)]), part)
    return part


def check(found: Any, wanted: Any, where: str) -> None:
    if isinstance(wanted, dict):
        assert isinstance(found, dict), where
        named = set(wanted) - {"..."}
        assert named <= set(found) if "..." in wanted else named == set(found), (where, named ^ set(found))
        for name in named:
            check(found[name], wanted[name], f"{where}\n  .{name}")
    elif isinstance(wanted, list):
        assert isinstance(found, list), where
        assert len(found) == len(wanted), where
        for position, (one, other) in enumerate(zip(found, wanted, strict=True)):
            check(one, other, f"{where}\n  [{position}]")
    elif wanted == "<number>":
        assert isinstance(found, int | float), where
        assert not isinstance(found, bool), where
    elif wanted in PATTERNS:
        assert isinstance(found, str), where
        assert re.fullmatch(PATTERNS[wanted], found), (where, found)
    else:
        assert found == wanted, (where, found, wanted)
        assert type(found) is type(wanted), (where, found, wanted)
