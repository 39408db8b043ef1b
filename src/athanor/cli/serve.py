"""The commands that run the platform: `serve`, `worker`, and `run-job`, which workers start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from athanor.cli.epilogs import as_written

if TYPE_CHECKING:
    from athanor.settings import Settings

SERVE_EPILOG = as_written("""
Examples:

  athanor serve                                 on 127.0.0.1:8000, data in ./athanor-data
  athanor serve --port 9000 --data /srv/athanor
  ATHANOR_HOST=0.0.0.0 athanor serve            every setting has a variable

Where no key was ever made, it prints an administrator's key, once. Make more with `athanor keys create`.
SIGTERM and Ctrl-C end it; a job that was running goes on from its last finished fold at the next start.
""")
WORKER_EPILOG = as_written("""
Example:

  athanor worker --data /srv/athanor            runs the jobs of that data folder

`athanor serve` has a worker of its own; one worker at a time serves a data folder.
""")

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="Data folder. [default: ATHANOR_DATA_FOLDER, or ./athanor-data]"),
]


def settings_for(data: Path | None, *, host: str | None = None, port: int | None = None) -> Settings:
    """The settings of a data folder: what the command line says goes before environment and file."""
    from athanor.settings import load_settings

    return load_settings(data_folder=data, host=host, port=port)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on. [default: 8000]")] = None,
    data: DataOption = None,
) -> None:
    """Run the server and one worker."""
    settings = settings_for(data, host=host, port=port)
    from athanor import app

    app.serve(settings)


def worker(data: DataOption = None) -> None:
    """Run the jobs of a data folder, without a server."""
    settings = settings_for(data)
    from athanor import app

    app.work(settings)


def run_job(
    job: Annotated[UUID, typer.Argument(metavar="JOB", help="Id of the job.")],
    data: DataOption = None,
) -> None:
    """Run one job in this process. Workers and other executors start this; people need it to look for faults."""
    settings = settings_for(data)
    from athanor import app

    app.run_job(settings, job)
