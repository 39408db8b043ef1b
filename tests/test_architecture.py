"""Rules that no single module can hold by itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "athanor"
MODULES = sorted(SOURCE.rglob("*.py"))
UNSAFE = {"pickle", "cPickle", "_pickle", "pickle5", "dill", "joblib", "cloudpickle", "skops", "marshal", "shelve"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}  # builtins that make code of what they are given
PICKLES = {"read_pickle", "to_pickle", "pickle", "joblib"}  # of other libraries' objects and modules
# The outermost loops, which answer for everything below them: the request, the job, and the process that is a fork.
OUTERMOST = {
    ("api/server.py", "Exception"),
    ("worker/loop.py", "BaseException"),
    ("worker/supervise.py", "BaseException"),
    ("engine/processes/nursery.py", "BaseException"),
}
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager"}


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(tree: ast.AST) -> set[str]:
    """The first parts of the names of all modules that are imported anywhere."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_pickled(path):
    assert not imported(tree_of(path)) & UNSAFE
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_text_is_run_as_code(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Name):
            assert node.id not in RUNS_TEXT, f"line {node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in PICKLES, f"line {node.lineno}"
            is_of_builtins = isinstance(node.value, ast.Name) and node.value.id in {"builtins", "__builtins__"}
            assert not (is_of_builtins and node.attr in RUNS_TEXT), f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_arrays_are_read_and_written_with_pickle_forbidden(path):
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if isinstance(owner, ast.Name) and owner.id in {"np", "numpy"} and node.func.attr in {"load", "save", "savez"}:
            assert "allow_pickle" in {keyword.arg for keyword in node.keywords}, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_outermost_loops_catch_everything(path):
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type
        names = {name.id for name in ast.walk(caught) if isinstance(name, ast.Name)} if caught else {"BaseException"}
        ends_by_raising = bool(node.body) and isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        for name in names & {"Exception", "BaseException"}:
            # Cleaning up and raising on what came is no catching.
            assert ends_by_raising or (name_of(path), name) in OUTERMOST, f"line {node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_in_its_first_line_what_it_is(path):
    docstring = ast.get_docstring(tree_of(path))
    assert docstring or not path.read_text().strip()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_a_drawer(path):
    assert not DRAWERS & {path.stem, *path.relative_to(SOURCE).parts[:-1]}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_a_reader_can_hold(path):
    assert len(path.read_text().splitlines()) <= 450


def test_imports_point_one_way():
    ended = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


HEAVY_FREE = [
    "athanor",
    "athanor.registry",
    "athanor.errors",
    "athanor.cli.main",
    "athanor.engine.plan",
    "athanor.core.job",
]


@pytest.mark.parametrize("module", HEAVY_FREE)
def test_starting_is_light(module):
    code = f"import {module}, sys; print(*sorted({{'polars', 'lightgbm', 'sklearn', 'sqlalchemy', 'fastapi'}} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


# What a pool process is made of: importing polars starts threads, and a process with threads cannot be forked.
FORKED = [
    "processes.nursery",
    "fitting.crossfit",
    "importance.worth",
    "serving.predictor",
    "tables.rows",
    "tables.dataset",
    "models",
    "features",
    "problems",
    "metrics",
]


def test_what_is_forked_never_imports_polars_and_starts_no_thread():
    code = "\n".join(
        [
            *(f"import athanor.engine.{name}" for name in FORKED),
            "import athanor.app, athanor.worker.loop",
            "from athanor.engine.fitting import learners",
            "from athanor.engine.processes import nursery",
            "learners.import_learners()",
            "import sys",
            "assert 'polars' not in sys.modules",
            "assert nursery.is_single_threaded()",
        ]
    )
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, ended.stderr
