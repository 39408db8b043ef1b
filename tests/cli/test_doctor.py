"""`athanor doctor` names what is missing and how to get it."""

import ctypes
from importlib import metadata

import pytest

from athanor.cli.doctor import examine, how_to_install, linux_family


def test_a_machine_that_has_everything_ends_with_status_0(athanor, tmp_path):
    ended = athanor("doctor", "--data", tmp_path)
    assert ended.status == 0, ended.out
    for name in ("Python", "venv", "OpenMP", "libraries", "extras", "cores", "memory", "data folder", "disk"):
        assert name in ended.out


def without(monkeypatch, *gone):
    """As if some packages were not installed."""
    found = metadata.version

    def version(name):
        if name in gone:
            raise metadata.PackageNotFoundError(name)
        return "9.9" if name == "xgboost" else found(name)

    monkeypatch.setattr(metadata, "version", version)
    return {finding.name: finding for finding in examine(None)}


def test_the_library_of_a_family_may_come_in_one_of_two_packages(monkeypatch):
    libraries = without(monkeypatch, "xgboost-cpu")["libraries"]
    assert libraries.is_well
    assert "xgboost 9.9" in libraries.found


def test_a_library_that_is_missing_is_named(monkeypatch):
    libraries = without(monkeypatch, "xgboost-cpu", "xgboost", "lightgbm")["libraries"]
    assert (libraries.is_well, libraries.is_needed) == (False, True)
    assert libraries.advice.startswith("lightgbm, xgboost-cpu cannot be found")


def test_an_extra_that_is_missing_is_worth_knowing_and_no_fault(monkeypatch):
    extras = without(monkeypatch, "catboost")["extras"]
    assert (extras.found, extras.is_well, extras.is_needed) == ("no catboost", False, False)
    assert "pip install 'athanor[catboost]'" in extras.advice


def test_a_missing_libgomp_is_named_with_its_package_and_status_1(athanor, tmp_path, monkeypatch):
    def missing(name, *_, **__):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    ended = athanor("doctor", "--data", tmp_path)
    assert ended.status == 1
    assert "libgomp" in ended.out
    assert "install" in ended.out


@pytest.mark.parametrize(
    ("os_release", "family"),
    [
        ("ID=debian\n", "debian"),
        ('ID=ubuntu\nID_LIKE="debian"\n', "debian"),
        ("ID=fedora\n", "fedora"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ("ID=alpine\n", "alpine"),
        ("ID=plan9\n", None),
    ],
)
def test_the_package_manager_is_known_from_os_release(os_release, family, tmp_path):
    file = tmp_path / "os-release"
    file.write_text(os_release)
    assert linux_family(file) == family


def test_on_a_system_that_is_not_known_two_names_are_given():
    assert how_to_install("libgomp", None) == "install libgomp1 (Debian, Ubuntu) or libgomp (Fedora)"


def test_a_data_folder_that_cannot_be_made_is_found(tmp_path):
    (tmp_path / "file").write_text("")
    findings = {finding.name: finding for finding in examine(tmp_path / "file" / "data")}
    assert not findings["data folder"].is_well


def test_looking_makes_nothing(tmp_path):
    list(examine(tmp_path / "data"))
    assert not (tmp_path / "data").exists()
