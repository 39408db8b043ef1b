"""Loading the libraries of all families."""

from __future__ import annotations

import subprocess
import sys


def loaded(program: str) -> str:
    """What a fresh interpreter prints."""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_libraries_are_loaded_without_what_they_import_for_others():
    program = """
import sys
from athanor.engine.fitting.learners import import_learners
import_learners()
print(sorted({"lightgbm", "xgboost", "sklearn", "pandas", "polars"} & set(sys.modules)))
import polars, sklearn  # whoever needs them afterwards gets them
"""
    assert loaded(program) == "['lightgbm', 'xgboost']"


def test_another_thread_may_import_polars_meanwhile():
    """A server loads the libraries in a thread of its own while it answers its first upload."""
    program = """
import sys, threading
from athanor.engine.fitting.learners import _refused
found = []
def read():
    import polars
    found.append(polars.__name__)
with _refused("sklearn", "polars"):
    try:
        import polars
    except ImportError:
        found.append("refused")
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
print(found)
"""
    assert loaded(program) == "['refused', 'polars']"
