"""What holds for all tests: one thread per numeric library, as in the processes that train and serve."""

from __future__ import annotations

import os
import sys

from hypothesis import settings

# Before numpy is imported anywhere: its BLAS reads these once.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

# Tests start hundreds of processes. Where compiled modules are not kept, each of them compiles a thousand files again:
# two to three seconds before it begins.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# The same examples on every machine, and no stopwatch on them: a busy machine is no failure.
settings.register_profile("athanor", deadline=None, derandomize=True, database=None)
settings.load_profile("athanor")
