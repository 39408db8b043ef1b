from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path

import httpx
import pytest

from athanor.app import Folders, asgi, make_secret, now, open_platform, work
from athanor.core.actor import ALL_SCOPES
from athanor.core.ids import new_id
from athanor.settings import load_settings
from support.processes import is_alive

CSV = "age,churned\n" + "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(40))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return load_settings(data_folder=tmp_path / "data", port=0)


def test_the_data_folder_is_made_for_its_owner_alone(settings):
    open_platform(settings).close()
    folder = settings.data_folder
    assert [mode_of(folder), mode_of(folder / "secret"), mode_of(folder / "athanor.db")] == [0o700, 0o600, 0o600]


def test_a_folder_that_is_there_keeps_its_mode(settings):
    settings.data_folder.mkdir(mode=0o755)
    open_platform(settings).close()
    assert mode_of(settings.data_folder) == 0o755


def test_the_secret_is_made_once(settings):
    open_platform(settings).close()
    secret = (settings.data_folder / "secret").read_text()
    open_platform(settings).close()
    assert len(bytes.fromhex(secret)) == 32
    assert (settings.data_folder / "secret").read_text() == secret


def test_of_two_processes_that_make_the_secret_at_once_the_first_wins(settings, monkeypatch):
    folders = Folders(data=settings.data_folder)
    folders.data.mkdir()
    link = os.link

    def beaten(source, target):
        Path(target).write_text("theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", beaten)
    make_secret(folders.secret)
    assert folders.secret.read_text() == "theirs"
    assert [path.name for path in folders.data.iterdir()] == ["secret"]


def test_what_one_platform_records_the_next_one_finds(settings):
    with closing(open_platform(settings)) as platform:
        text = platform.services.keys.first_start()
    with closing(open_platform(settings)) as platform:
        assert platform.services.keys.first_start() is None
        actor = platform.services.keys.authenticate(text)
        assert actor.scopes == ALL_SCOPES
        file = settings.data_folder / "scratch" / "a.csv"
        file.write_text(CSV)
        view = platform.services.ingest.receive(file, filename="a.csv", name=None, actor=actor)
    with closing(open_platform(settings)) as platform:
        assert platform.services.ingest.list(actor) == (view,)


def test_opening_a_platform_starts_no_thread_so_that_a_worker_may_fork(settings):
    program = (
        "import os\n"
        "from athanor.app import open_platform\n"
        "from athanor.settings import load_settings\n"
        "platform = open_platform(load_settings())\n"
        "platform.services.keys.admin()\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    environment = os.environ | settings.to_environment() | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "1"


def test_a_worker_that_starts_removes_the_folders_of_runs_that_are_gone(settings, monkeypatch):
    monkeypatch.setattr("athanor.worker.loop.Worker.run", lambda _: None)
    monkeypatch.setattr("athanor.app.write_json_lines", lambda *_, **__: None)
    with closing(open_platform(settings)) as platform:
        left = platform.folders.runs / str(new_id())
    left.mkdir()
    work(settings)
    assert not left.exists()


def test_the_time_is_utc():
    assert now().tzinfo is UTC


def test_the_application_answers_over_the_platform(settings):
    with closing(open_platform(settings)) as platform:
        key = platform.services.keys.first_start()
        transport = httpx.ASGITransport(app=asgi(settings, platform))

        async def ask() -> list[int]:
            async with httpx.AsyncClient(transport=transport, base_url="http://athanor") as client:
                answers = [
                    await client.get("/readyz"),
                    await client.get("/api/v1/automl/stats"),
                    await client.get("/api/v1/automl/stats", headers={"X-API-Key": key}),
                ]
                return [answer.status_code for answer in answers]

        import asyncio

        assert asyncio.run(ask()) == [200, 401, 200]


# --- the server as a process ------------------------------------------------------------------------------------------


def eventually(question: Callable[[], object], within_s: float = 90.0) -> object:
    """Ask until the answer is true; the answer."""
    until = time.monotonic() + within_s
    while not (answer := question()):
        assert time.monotonic() < until, "it did not come true in time"
        time.sleep(0.02)
    return answer


class Served:
    """`athanor serve` in a process of its own."""

    def __init__(self, settings, said: Path) -> None:
        self.said = said
        with said.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "athanor.cli.main", "serve"],
                env=os.environ | settings.to_environment(),
                stderr=file,
                stdin=subprocess.DEVNULL,
            )

    def events(self, name: str) -> list[dict]:
        lines = [line for line in self.said.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in map(json.loads, lines) if line["event"] == name]

    def ready(self) -> Served:
        """Up, with its worker."""
        eventually(lambda: self.events("worker ready") or self.process.poll() is not None)
        assert self.process.poll() is None, self.said.read_text()
        eventually(lambda: self.events("Application startup complete."))
        return self

    @property
    def worker(self) -> int:
        return self.events("worker ready")[-1]["pid"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.events('server started')[0]['port']}"


@pytest.fixture
def serving(settings, tmp_path) -> Iterator[Callable[[], Served]]:
    started: list[Served] = []

    def serve() -> Served:
        started.append(Served(settings, tmp_path / f"said-{len(started)}"))
        return started[-1]

    yield serve
    for served in started:
        served.process.kill()
        served.process.wait()


@contextmanager
def ended(served: Served, number: int) -> Iterator[None]:
    worker = served.worker
    served.process.send_signal(number)
    served.process.wait(90)
    yield
    eventually(lambda: not is_alive(worker))


def test_a_server_starts_tells_its_key_once_is_alone_and_ends_with_its_worker(serving):
    first = serving().ready()
    assert httpx.get(f"{first.url}/healthz").status_code == 200
    assert first.said.read_text().count("    ath_") == 1

    second = serving()
    assert second.process.wait(90) == 1
    assert f"Another server (process {first.process.pid}) uses the data folder" in second.said.read_text()

    with ended(first, signal.SIGTERM):
        assert first.process.returncode == 0
        assert first.events("server ended")
        assert first.events("worker left")

    third = serving().ready()
    assert "ath_" not in third.said.read_text()
    with ended(third, signal.SIGINT):
        assert third.process.returncode == 0


def test_a_worker_does_not_outlive_a_server_that_is_killed(serving):
    served = serving().ready()
    with ended(served, signal.SIGKILL):
        pass


def test_a_worker_that_dies_is_replaced(serving):
    served = serving().ready()
    first = served.worker
    os.kill(first, signal.SIGKILL)
    eventually(lambda: served.worker != first)
    with ended(served, signal.SIGTERM):
        assert served.process.returncode == 0


def test_a_server_without_its_port_says_so_and_starts_nothing(serving, settings, tmp_path):
    first = serving().ready()
    port = first.events("server started")[0]["port"]
    other = settings.model_copy(update={"port": port, "data_folder": tmp_path / "other"})
    second = Served(other, tmp_path / "refused")
    assert second.process.wait(90) == 1
    assert "in use" in second.said.read_text()
    assert not second.events("worker ready")
