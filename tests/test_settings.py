from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from athanor.errors import InvalidInput
from athanor.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch, tmp_path):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ATHANOR_{name.upper()}", raising=False)
    monkeypatch.delenv("ATHANOR_SETTINGS_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


def test_everything_has_a_default_and_the_server_is_not_open_to_the_world():
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.upload_limit, settings.json_limit) == (500 * 2**20, 10 * 2**20)
    assert settings.server_paths == ()


def test_every_setting_says_what_it_is():
    assert all(field.description and field.description.endswith(".") for field in Settings.model_fields.values())


def test_what_is_given_wins_over_the_environment_and_that_over_the_file(monkeypatch, tmp_path):
    (tmp_path / "athanor.toml").write_text('port = 1\nrate_burst = 2\nhost = "file"\n')
    monkeypatch.setenv("ATHANOR_PORT", "3")
    monkeypatch.setenv("ATHANOR_HOST", "environment")
    settings = load_settings(data_folder=tmp_path, host="given", port=None)
    assert (settings.rate_burst, settings.port, settings.host) == (2, 3, "given")


def test_the_file_stands_in_the_data_folder_that_the_environment_names(monkeypatch, tmp_path):
    (tmp_path / "athanor.toml").write_text("port = 1\n")
    monkeypatch.setenv("ATHANOR_DATA_FOLDER", str(tmp_path))
    assert load_settings().port == 1


def test_another_file_can_be_named(monkeypatch, tmp_path):
    (tmp_path / "other.toml").write_text('server_paths = ["/srv/a", "/srv/b"]\n')
    monkeypatch.setenv("ATHANOR_SETTINGS_FILE", str(tmp_path / "other.toml"))
    assert load_settings().server_paths == (Path("/srv/a"), Path("/srv/b"))


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("ATHANOR_SETTINGS_FILE", "nowhere.toml")
    with pytest.raises(InvalidInput, match="no such file"):
        load_settings()


def test_folders_in_a_variable_stand_between_colons(monkeypatch):
    monkeypatch.setenv("ATHANOR_SERVER_PATHS", "/srv/a:/srv/b")
    assert load_settings().server_paths == (Path("/srv/a"), Path("/srv/b"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": 70_000}, "`port`: .* got 70000"),
        ({"colour": "red"}, "`colour`"),
        ({"memory_limit": 1}, "`memory_limit`"),
        ({"log_level": "loud"}, "`log_level`"),
        ({"port": -1, "rate_burst": 0}, "`port`: .*`rate_burst`: "),
    ],
)
def test_a_wrong_setting_is_named_with_what_came(given, message):
    with pytest.raises(InvalidInput, match=message):
        load_settings(**given)


@pytest.mark.parametrize("text", ["colour = 1\n", "port = \n"])
def test_a_wrong_file_is_an_error(tmp_path, text):
    (tmp_path / "athanor.toml").write_text(text)
    with pytest.raises(InvalidInput, match="settings"):
        load_settings(data_folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"), [("ATHANOR_PROT", "ATHANOR_PORT"), ("athanor_rate_bursts", "ATHANOR_RATE_BURST")]
)
def test_a_variable_that_is_no_setting_is_refused_with_the_one_that_was_meant(name, meant, monkeypatch):
    monkeypatch.setenv(name, "1")
    with pytest.raises(InvalidInput, match=f"variable {name}. Did you mean {meant}"):
        load_settings()


@pytest.mark.parametrize("name", ["ATHANOR_SHARED", "ATHANOR_FAULT_SEED", "ATHANOR_TEST_POSTGRES_URL", "athanor_port"])
def test_variables_of_tests_and_of_settings_in_any_case_are_let_pass(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    load_settings()


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        load_settings().port = 1


def test_another_process_reads_the_same_settings_from_the_environment(monkeypatch, tmp_path):
    settings = load_settings(
        data_folder=tmp_path, port=0, server_paths=("/srv/a", "/srv/b"), cores_per_job=3, log_level="error", lifeline=5
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings
