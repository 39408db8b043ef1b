"""What people can set, call, send or choose is named in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from athanor.api.dialects import DIALECTS, Surroundings
from athanor.cli.main import app, help_for
from athanor.core.actor import Scope
from athanor.core.event import MAX_EVENTS, EventKind
from athanor.engine.findings import Kind
from athanor.engine.metrics import METRICS
from athanor.engine.models import FAMILIES
from athanor.engine.plan import PRESETS
from athanor.engine.problems import PROBLEMS
from athanor.engine.readers import READERS
from athanor.engine.tables.schema import ColumnType
from athanor.engine.tables.spellings import SPELLINGS
from athanor.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def commands():
    def walk(words, command):
        if not getattr(command, "commands", None):
            yield words, command
        for name, below in getattr(command, "commands", {}).items():
            yield from walk((*words, name), below)

    return list(walk((), typer.main.get_command(app)))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented_with_its_variable_and_its_default(name):
    [row] = [line for line in page("settings.md").splitlines() if line.startswith(f"| `{name}` |")]
    assert f"`{ENV_PREFIX}{name.upper()}`" in row
    default = Settings.model_fields[name].default
    if default is not None and default != ():
        assert str(default) in row


def test_no_setting_is_documented_that_does_not_exist():
    assert set(re.findall(r"^\| `(\w+)` \|", page("settings.md"), re.MULTILINE)) == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("words", "command"), commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_and_option_is_documented(words, command):
    text = page("cli.md")
    assert f"athanor {' '.join(words)}" in text
    section = text.split(f"## `athanor {words[0]}`")[1].split("\n## ")[0]
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("--"):
                assert f"{option}" in section, option


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_is_documented_with_its_direction_and_problems(name):
    [row] = [line for line in page("metrics.md").splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in row.split("|")]
    assert set(cells[2].split(", ")) == METRICS[name].problems
    assert cells[3] == ("higher" if METRICS[name].greater_is_better else "lower")


@pytest.mark.parametrize("name", PROBLEMS.names())
def test_every_problem_type_is_documented_with_its_default_metric(name):
    [row] = [line for line in page("metrics.md").splitlines() if line.startswith(f"| `{name}` |")]
    assert f"`{PROBLEMS[name].default_metric}`" in row


@pytest.mark.parametrize("name", FAMILIES.names())
def test_every_family_is_documented_with_its_other_names_and_problems(name):
    [row] = [line for line in page("families.md").splitlines() if line.startswith(f"| `{name}` |")]
    for word in (FAMILIES[name].label, *FAMILIES[name].aliases, *FAMILIES[name].problems):
        assert word in row


@pytest.mark.parametrize("name", READERS.names())
def test_every_reader_is_documented(name):
    assert f"| `{name}` |" in page("readers.md")


@pytest.mark.parametrize("name", [kind.value for kind in ColumnType])
def test_every_column_type_is_documented(name):
    assert f"| `{name}` |" in page("column-types.md")


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_is_documented_and_in_the_help(scope):
    assert f"`{scope}`" in page("cli.md")
    assert scope.value in help_for(["keys", "create", "--help"])


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind_of_event_is_documented(kind):
    assert f"| `{kind}` |" in page("events.md")
    assert f"{MAX_EVENTS:,}" in page("events.md")


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_documented(preset):
    assert f"| `{preset}` |" in page("families.md")


def test_the_help_of_train_names_what_can_be_chosen():
    told = re.sub(r"\s+", " ", help_for(["train", "--help"]))
    for name in (*METRICS.names(), *PROBLEMS.names(), *FAMILIES.names(), *PRESETS):
        assert name in told


def routes():
    for name in DIALECTS.names():
        schema = DIALECTS[name].app(Surroundings(services=None, spool=None, now=None)).openapi()
        for path, operations in schema["paths"].items():
            for method in operations:
                yield name, method.upper(), path


@pytest.mark.parametrize(("dialect", "method", "path"), list(routes()))
def test_every_route_is_documented(dialect, method, path):
    assert f"| `{method} {path}` |" in page(f"{dialect}-api.md")


def test_no_route_is_documented_that_does_not_exist():
    for dialect in DIALECTS.names():
        documented = set(re.findall(r"^\| `([A-Z]+) (/\S+)` \|", page(f"{dialect}-api.md"), re.MULTILINE))
        assert documented == {(method, path) for name, method, path in routes() if name == dialect}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", path.read_text()):
        if target and "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_page_is_listed_in_the_table_of_contents():
    contents = (DOCS / "README.md").read_text()
    for path in DOCS.rglob("*.md"):
        if path.name != "README.md":
            assert f"({path.relative_to(DOCS)})" in contents


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_finding_is_documented(kind):
    assert f"| `{kind}` |" in page("profile.md")


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_documented(name):
    text = page("column-types.md")
    unit = name.split(" decimal ")[0]
    assert f"`{name}`" in text or f"`{unit}`" in text
