"""Runs jobs: a loop that claims, a supervisor per job, a trainer below it. Ports come as arguments.

    worker (loop.py) ─ fork → supervisor (supervise.py) ─ fork → trainer (run.py) → nursery → pool processes

Every link dies with the one before it, and all processes of a job share its lock file: the lock is free only when all
of them are gone.
"""
