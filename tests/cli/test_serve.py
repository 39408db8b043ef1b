"""`serve`, `worker` and `run-job` read the settings and hand over to `athanor.app`."""

from pathlib import Path
from uuid import UUID

import pytest


@pytest.fixture
def handed(monkeypatch):
    """What `athanor.app` was called with."""
    calls = []
    for name in ("serve", "work", "run_job"):
        monkeypatch.setattr(f"athanor.app.{name}", lambda *given, name=name: calls.append((name, *given)))
    return calls


def test_serve_takes_host_port_and_data_folder_from_the_command_line_first(athanor, handed, monkeypatch, tmp_path):
    monkeypatch.setenv("ATHANOR_PORT", "7000")
    monkeypatch.setenv("ATHANOR_HOST", "0.0.0.0")  # noqa: S104
    assert athanor("serve", "--port", 9000, "--data", tmp_path).status == 0
    [(name, settings)] = handed
    assert name == "serve"
    assert (settings.host, settings.port, settings.data_folder) == ("0.0.0.0", 9000, tmp_path)  # noqa: S104


def test_a_worker_needs_only_the_data_folder(athanor, handed, tmp_path):
    assert athanor("worker", "--data", tmp_path).status == 0
    [(name, settings)] = handed
    assert (name, settings.data_folder) == ("work", tmp_path)


def test_a_job_is_run_by_its_id(athanor, handed, monkeypatch, tmp_path):
    monkeypatch.setenv("ATHANOR_DATA_FOLDER", str(tmp_path))
    job = UUID(int=7)
    assert athanor("run-job", job).status == 0
    [(name, settings, given)] = handed
    assert (name, settings.data_folder, given) == ("run_job", Path(tmp_path), job)


@pytest.mark.parametrize("words", [("serve", "--port", "70000"), ("run-job", "no-id")])
def test_settings_that_are_not_right_end_with_status_2(words, athanor, handed):
    ended = athanor(*words)
    assert ended.status == 2
    assert "Traceback" not in ended.err
    assert handed == []
