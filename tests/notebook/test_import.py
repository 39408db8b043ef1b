"""`import athanor`: its names are there at once, and what is behind them comes when it is asked for."""

import subprocess
import sys
from importlib.metadata import version
from inspect import signature
from pathlib import Path

import pytest

import athanor

REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference" / "python.md"
HEAVY = {"numpy", "polars", "pandas", "sklearn", "lightgbm", "scipy", "pyarrow", "IPython"}


def modules_after(code: str) -> set[str]:
    told = f"{code}\nimport sys\nprint(*sorted({HEAVY!r} & set(sys.modules)))"
    return set(subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout.split())


def test_importing_it_loads_nothing():
    assert modules_after("import athanor") == set()


def test_what_a_person_does_not_use_is_not_loaded():
    learned = "import athanor; athanor.learn; athanor.load; athanor.read; athanor.Result"
    assert not modules_after(learned) & {"pandas", "sklearn", "lightgbm", "pyarrow", "IPython"}


@pytest.mark.parametrize("name", athanor.__all__)
def test_every_name_is_there_and_listed(name):
    assert getattr(athanor, name) is not None
    assert name in dir(athanor)


def parameters():
    for name in ("learn", "AthanorClassifier", "AthanorRegressor"):
        yield from ((name, parameter) for parameter in signature(getattr(athanor, name)).parameters)


@pytest.mark.parametrize(("name", "parameter"), list(parameters()))
def test_every_parameter_is_documented(name, parameter):
    section = REFERENCE.read_text().split("## `learn`" if name == "learn" else "## Estimators")[1].split("\n## ")[0]
    assert f"`{parameter}`" in section


@pytest.mark.parametrize("name", athanor.__all__)
def test_every_name_is_documented(name):
    assert f"`{name}" in REFERENCE.read_text().split("\n## ")[0]


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lern'"):
        _ = athanor.lern


def test_the_version_is_that_of_the_package():
    assert athanor.__version__ == version("athanor")


# Each is a way in which people start Python, none of which has a main module that a child could import again.
WAYS = {
    "python -c": lambda code: ([sys.executable, "-P", "-c", code], None),
    "a session": lambda code: ([sys.executable, "-P", "-i"], code),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_training_with_processes_of_its_own_needs_no_main_guard(way, tmp_path):
    code = (
        "import athanor\n"
        "rows = [{'a': number % 7, 'y': number % 7 > 3} for number in range(60)]\n"
        "asked = {'time_limit': None, 'max_trials': 1, 'preset': 'fast', 'cores': 1, 'progress': False}\n"
        "print('score', athanor.learn(rows, 'y', **asked).score)\n"
    )
    (tmp_path / "token.py").write_text("raise RuntimeError('a file of a person, not the module of Python')")
    command, given = WAYS[way](code)
    ended = subprocess.run(command, input=given, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "score 1.0" in ended.stdout
