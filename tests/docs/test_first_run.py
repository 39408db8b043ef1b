"""`make run`: the journey of examples/first_run.py, from nothing to predictions and back to nothing."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "first_run.py"

pytestmark = pytest.mark.timeout(240)


def first_run(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATHANOR_")}
    command = [sys.executable, str(EXAMPLE), "--once", "--data", str(data), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def processes_with(text: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in command:
            found.append(command)
    return found


def test_it_goes_from_data_to_predictions_on_another_port_where_one_is_taken_and_leaves_no_process(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = first_run(tmp_path / "data", "--time", "6", "--port", str(port))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for step in ("Key", "Server", "Data", "Upload", "Train", "Deploy", "Predict"):
        assert f"== {step}: " in ended.stdout
    accuracy = float(re.search(r"held-out rows are right: accuracy (\d\.\d+)", ended.stdout)[1])
    assert accuracy > 0.85
    assert f"http://127.0.0.1:{port}/" not in ended.stdout
    assert ended.stdout.count("curl ") == 3
    assert re.search(r"/workbench/docs", ended.stdout)
    assert processes_with(str(tmp_path)) == []


def test_a_data_folder_that_another_server_holds_is_told_in_words(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    import fcntl

    with (data / "server.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = first_run(data)
    assert ended.returncode == 1
    assert "Another server" in ended.stderr
    assert processes_with(str(tmp_path)) == []
