"""The one place where everything is put together: settings, backends, services, HTTP and the worker."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from uuid import UUID

from athanor.core.ports import EVERYONE, BlobStore
from athanor.errors import Conflict, Unavailable
from athanor.logs import write_json_lines
from athanor.services import Services
from athanor.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from athanor.backends.records.sql import SqlRecords
    from athanor.worker.workplace import Workplace

log = logging.getLogger(__name__)

DRAIN_S = 10  # requests that are under way at the end may take so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where things stand in the data folder."""

    data: Path

    @property
    def database(self) -> Path:
        return self.data / "athanor.db"

    @property
    def blobs(self) -> Path:
        return self.data / "blobs"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def jobs(self) -> Path:
        return self.data / "jobs"

    @property
    def scratch(self) -> Path:
        return self.data / "scratch"

    @property
    def secret(self) -> Path:
        return self.data / "secret"

    def make(self) -> None:
        """Make what is missing. What is made is for its owner alone."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.blobs, self.runs, self.jobs, self.scratch):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.database.touch(mode=0o600)  # where the folder was there before, with access for others
        make_secret(self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything that a surface or a worker needs, open until `close`."""

    settings: Settings
    folders: Folders
    records: SqlRecords
    blobs: BlobStore
    services: Services

    def check(self) -> None:
        """Raises Unavailable while the records cannot be read."""
        with self.records.look(EVERYONE) as transaction:
            transaction.organizations.first()

    def close(self) -> None:
        self.records.close()


def now() -> datetime:
    return datetime.now(UTC)


def open_platform(settings: Settings, *, forks: bool = False) -> Platform:
    """The platform in the settings' data folder, which is made where there is none. Costs little where all is there.

    `forks` is for a process that forks while the platform is open, which then keeps no connection between transactions.
    """
    from athanor.backends.blobs.local import LocalBlobs
    from athanor.backends.records.sql import SqlRecords, migrate
    from athanor.services.collections.collections import Collections
    from athanor.services.collections.models import CollectionModels
    from athanor.services.collections.single_rows import CollectionRows
    from athanor.services.datasets import Datasets
    from athanor.services.deploy import Deploy
    from athanor.services.ingest import Ingest
    from athanor.services.jobs import Jobs
    from athanor.services.keys import Keys
    from athanor.services.model_files import ModelFiles
    from athanor.services.predict import Predict
    from athanor.services.projects import Projects
    from athanor.services.register import Register
    from athanor.services.rows.arrivals import Arrivals
    from athanor.services.runs import Runs
    from athanor.services.train import Train

    folders = Folders(data=settings.data_folder.absolute())
    folders.make()
    url = f"sqlite:///{folders.database}"
    migrate(url)
    records, blobs = SqlRecords(url, keeps_connections=not forks), LocalBlobs(folders.blobs)
    arrivals = Arrivals(
        records,
        blobs,
        folders.scratch,
        max_columns=settings.max_columns,
        memory_limit=settings.reading_memory_limit,
        inflated_limit=settings.inflated_limit,
    )
    train, runs = Train(records, now, folders.runs), Runs(records, blobs, now, folders.runs)
    predict = Predict(records, blobs, settings.model_memory)
    services = Services(
        keys=Keys(records, now),
        projects=Projects(records, blobs, now, folders.runs),
        ingest=Ingest(
            records,
            blobs,
            now,
            arrivals,
            server_paths=settings.server_paths,
        ),
        datasets=Datasets(records, blobs, now, arrivals),
        train=train,
        runs=runs,
        jobs=Jobs(records),
        register=Register(records, blobs, now),
        deploy=Deploy(records, blobs, now),
        predict=predict,
        model_files=ModelFiles(records, blobs, arrivals),
        collections=Collections(records, blobs, now, arrivals, folders.runs),
        collection_models=CollectionModels(records, blobs, arrivals, train=train, runs=runs, predict=predict),
        collection_rows=CollectionRows(records, blobs, now, arrivals),
    )
    return Platform(settings=settings, folders=folders, records=records, blobs=blobs, services=services)


def asgi(settings: Settings, platform: Platform | None = None) -> ASGIApp:
    """The HTTP application over a platform; over a new one, closed with the application, where none is given."""
    from importlib.metadata import version

    from athanor.api.limits import Limits
    from athanor.api.server import Server
    from athanor.api.uploads import Spool

    used = platform or open_platform(settings)
    return Server(
        used.services,
        spool=Spool(used.folders.scratch),
        limits=Limits(
            requests_per_minute=settings.rate_per_minute,
            burst=settings.rate_burst,
            upload_bytes=settings.upload_limit,
            json_bytes=settings.json_limit,
        ),
        own_limits={
            "vecml": Limits(
                requests_per_minute=settings.vecml_rate_per_second * 60,
                burst=settings.vecml_rate_burst,
                upload_bytes=settings.vecml_body_limit,
                json_bytes=settings.json_limit,
            )
        },
        options={
            "vecml": {
                "high_speed": settings.vecml_high_speed_s,
                "balanced": settings.vecml_balanced_s,
                "high_accuracy": settings.vecml_high_accuracy_s,
            }
        },
        now=now,
        is_ready=used.check,
        on_stop=() if platform else (used.close,),
        version=version("athanor"),
    )


def serve(settings: Settings) -> None:
    """Answer HTTP, with one worker beside it, until SIGTERM or Ctrl-C."""
    write_json_lines(sys.stderr, level=settings.log_level)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # uvicorn ends by raising again the signal that ended it: that must not end us before the worker is gone.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        _serve(settings)
    log.info("server ended")


def _serve(settings: Settings) -> None:
    import uvicorn

    from athanor.engine.fitting.learners import import_learners
    from athanor.services.rows.arrivals import SCRATCH_PREFIX

    folders = Folders(data=settings.data_folder.absolute())
    folders.make()
    with _alone(folders.data), closing(_listen(settings.host, settings.port)) as listening:
        for left in folders.scratch.glob(f"{SCRATCH_PREFIX}*"):  # by a server that was killed
            shutil.rmtree(left, ignore_errors=True)
        with closing(open_platform(settings)) as platform:
            _greet(platform)
            config = uvicorn.Config(
                asgi(settings, platform),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=DRAIN_S,
            )
            host, port = listening.getsockname()[:2]
            Thread(target=import_learners, name="warm-up", daemon=True).start()  # the first prediction need not wait
            log.info("server started", extra={"host": host, "port": port, "data_folder": str(folders.data)})
            with _worker(settings):
                uvicorn.Server(config).run(sockets=[listening])


def work(settings: Settings) -> None:
    """Run the jobs of the data folder until SIGTERM, or until the server that started this worker is gone."""
    from athanor.services.references import sweep_runs
    from athanor.worker.loop import Worker

    write_json_lines(sys.stderr, level=settings.log_level)
    if settings.lifeline is not None:
        _end_with_server(settings.lifeline)
    with closing(open_platform(settings, forks=True)) as platform:
        try:
            sweep_runs(platform.records, platform.folders.runs)
        except Unavailable as error:  # what is left stays until the next start
            log.warning("not all was swept", extra={"error": str(error)})
        Worker(_workplace(platform)).run()


def run_job(settings: Settings, job_id: UUID) -> None:
    """Run one job, in this process."""
    from athanor.worker.supervise import run_job as run_one

    write_json_lines(sys.stderr, level=settings.log_level)
    with closing(open_platform(settings, forks=True)) as platform:
        run_one(job_id, _workplace(platform))


def _workplace(platform: Platform) -> Workplace:
    from athanor.core.job import Lane
    from athanor.engine.memory import cores
    from athanor.services.retention import Retention
    from athanor.worker.workplace import Workplace

    settings = platform.settings
    return Workplace(
        records=platform.records,
        blobs=platform.blobs,
        folder=platform.folders.data,
        slots={Lane.LIGHT: settings.light_slots, Lane.TRAIN: settings.train_slots},
        cores_per_job=settings.cores_per_job or max(1, cores() // settings.train_slots),
        memory_limit=settings.memory_limit,
        retention=Retention(days=settings.checkpoint_days, quota=settings.checkpoint_quota),
        now=now,
    )


def make_secret(path: Path) -> None:
    """The server's own secret: 256 bits, readable by its owner alone, made once and whole or not at all."""
    if path.exists():
        return
    written = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_hex(32).encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    with suppress(FileExistsError):  # another process was faster: its secret stands
        os.link(written, path)
    written.unlink()


def _greet(platform: Platform) -> None:
    """At the very first start, the administrator's key: shown here and never again."""
    key = platform.services.keys.first_start()
    if key is not None:
        print(  # noqa: T201
            f"\nThis is the first start. The administrator's key, shown this once:\n\n    {key}\n\n"
            "Lost keys are not found again; `athanor keys create NAME` makes another.\n",
            file=sys.stderr,
            flush=True,
        )


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """While the block runs no other server uses the data folder. The lock goes with its holder, however it ends."""
    with (data / "server.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise Conflict(
                f"Another server (process {file.read().strip() or 'unknown'}) uses the data folder {data}. "
                "End it first, or give this one another folder.",
                code="data-folder-in-use",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _listen(host: str, port: int) -> socket.socket:
    """The socket, bound before anything is started. Raises Unavailable where the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise Unavailable(
            f"The server cannot listen on {host}, port {port}: {error.strerror or error}. Choose another with --port."
        ) from error
    return listening


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """One worker beside the server. It holds the end of a pipe of which the other end is ours alone."""
    from athanor.companion import Companion

    theirs, ours = os.pipe()
    environment = os.environ | settings.model_copy(update={"lifeline": theirs}).to_environment()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "athanor.cli.main", "worker"],
            env=environment,
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs,),
            start_new_session=True,  # Ctrl-C in a terminal is for the server, which then ends the worker
        )

    try:
        with Companion(start):
            yield
    finally:
        os.close(ours)
        os.close(theirs)


def _end_with_server(lifeline: int) -> None:
    """Be killed when the server ends, however it ends. No thread: a worker forks."""
    from athanor.engine.parent import die_with_parent

    die_with_parent(os.getppid())
    ended, _, _ = select.select([lifeline], [], [], 0)
    if ended:  # it was gone before the line above, and somebody else is the parent
        raise SystemExit(1)
