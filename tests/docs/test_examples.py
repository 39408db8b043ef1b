"""Blocks of the docs that are marked `run` are run, page by page, as a reader would: in one folder, one after the other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.server import wait_for

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```(\w+) run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = "http://127.0.0.1:8000"  # as the pages write it
PAGES = [
    path for path in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]) if BLOCK.search(path.read_text())
]
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.timeout(240)


@dataclass(frozen=True)
class Reader:
    """Someone who has a folder, a shell, and the commands of the environment."""

    folder: Path
    environment: dict[str, str]

    def run(self, script: str) -> None:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture(scope="session")
def tables(tmp_path_factory):
    """What `make run` leaves for the reader to go on with."""
    made = tmp_path_factory.mktemp("tables")
    write = "import sys, pathlib, first_run; first_run.write_data(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", write, str(made)], cwd=ROOT / "examples", check=True, capture_output=True)
    return made


@pytest.fixture
def reader(tmp_path, tables):
    """In a checkout where `make run` has run."""
    (tmp_path / ".venv").symlink_to(BIN.parent)
    shutil.copytree(tables, tmp_path / "athanor-data" / "examples")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHANOR_")}
    return Reader(tmp_path, {**kept, "PATH": f"{BIN}:{os.environ['PATH']}"})


@pytest.fixture
def a_server(reader):
    """Start a server over the reader's folder where it is asked for; ended afterwards."""
    started = []

    def start() -> str:
        log = reader.folder / "server.log"
        command = [str(BIN / "athanor"), "serve", "--port", "0"]
        with log.open("w") as written:
            started.append(subprocess.Popen(command, cwd=reader.folder, env=reader.environment, stderr=written))

        def address() -> str | None:
            assert started[0].poll() is None, log.read_text()
            found = re.search(r'"event": "server started".*"port": (\d+)', log.read_text())
            return f"http://127.0.0.1:{found[1]}" if found and is_ready(f"http://127.0.0.1:{found[1]}") else None

        return str(wait_for(address, "the server to answer", log=log))

    yield start
    for process in started:
        process.terminate()
        process.wait(30)


def is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310 - our own server
            return True
    except OSError:
        return False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_page_work(page, reader, a_server):
    text = page.read_text()
    blocks = BLOCK.findall(text)
    address = a_server() if any(SERVER in block for _, block in blocks) else SERVER
    script = []
    for place, (language, block) in enumerate(blocks):
        if language == "python":
            (reader.folder / f"block_{place}.py").write_text(block.replace(SERVER, address))
            script.append(f"python block_{place}.py")
        else:
            script.append(block.replace(SERVER, address))
    reader.run("\n".join(script))
