"""The process that pool processes are forked from, what they do, and how they talk: JSON behind a length, no pickle.

It has imported the learners and started no thread: only then is a fork safe, and a pool process there at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
import traceback
from dataclasses import asdict
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from athanor.engine import memory
from athanor.engine.fitting.learners import import_learners
from athanor.engine.parent import die_with_parent
from athanor.errors import AthanorError

if TYPE_CHECKING:
    from athanor.engine.fitting.crossfit import CrossFitter

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# How a pool process ends that gets no memory and cannot even say so: here, in OpenBLAS, in other compiled libraries.
_OUT_OF_MEMORY = 71
OUT_OF_MEMORY_STATUSES = frozenset({_OUT_OF_MEMORY, 1, -signal.SIGABRT})
_RESERVED = 64 * 2**20  # what libraries ask for beyond what they ever use
_LENGTH = struct.Struct("!I")

Message = dict[str, Any]


def is_single_threaded() -> bool:
    """Whether this process may fork and go on working in the child."""
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


# --- messages ---------------------------------------------------------------------------------------------------------


def send(link: socket.socket, message: Message) -> None:
    content = json.dumps(message).encode()
    link.sendall(_LENGTH.pack(len(content)) + content)


def receive(link: socket.socket) -> Message | None:
    """The next message; None when the other side is gone."""
    head = _receive_exactly(link, _LENGTH.size)
    content = None if head is None else _receive_exactly(link, _LENGTH.unpack(head)[0])
    return None if content is None else json.loads(content)


def send_socket(link: socket.socket, message: Message, given: socket.socket) -> None:
    content = json.dumps(message).encode()
    socket.send_fds(link, [_LENGTH.pack(len(content)) + content], [given.fileno()])


def receive_socket(link: socket.socket) -> tuple[Message | None, socket.socket | None]:
    """The next message and the socket that came with it."""
    try:
        head, handles, _, _ = socket.recv_fds(link, _LENGTH.size, 1)
    except OSError:
        return None, None
    if len(head) < _LENGTH.size or not handles:
        return None, None
    content = _receive_exactly(link, _LENGTH.unpack(head)[0])
    return (None if content is None else json.loads(content)), socket.socket(fileno=handles[0])


def _receive_exactly(link: socket.socket, size: int) -> bytes | None:
    parts = b""
    while len(parts) < size:
        try:
            part = link.recv(size - len(parts))
        except OSError:
            return None
        if not part:
            return None
        parts += part
    return parts


# --- the nursery ------------------------------------------------------------------------------------------------------


def live(link: socket.socket) -> NoReturn:
    """Fork, end and reap pool processes as told, until the other side is gone."""
    try:
        die_with_parent(os.getppid())
        # Ctrl-C, or a signal to the whole group, is for the one who draws the terminal and ends this process.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        import_learners()
        _fill_shared_buffers()
        _nurse(link)
    except BaseException:  # noqa: BLE001 - the outermost frame of the nursery
        # A forked copy must not unwind into the frames of whoever forked it: say what happened and end here.
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _nurse(link: socket.socket) -> None:
    children: list[int] = []
    while (message := receive(link)) is not None:
        if "fork" in message:
            children.append(_fork(link, message["fork"]))
        elif message["end"] in children:
            children.remove(message["end"])
            with contextlib.suppress(ProcessLookupError):
                os.kill(message["end"], signal.SIGKILL)
            _, status = os.waitpid(message["end"], 0)
            send(link, {"status": status})
        else:
            send(link, {})  # a child of the nursery before this one, with which it died
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _fill_shared_buffers() -> None:
    """Have BLAS take its working memory here, once, instead of in every pool process."""
    import numpy as np

    square = np.ones((64, 64), np.float32)
    _ = square @ square


def reap(pid: int) -> None:
    """Wait for a child that has been told to end."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def make_flag(path: Path) -> mmap:
    """One byte that all processes see: 0 go on, 1 everybody returns what they have."""
    path.write_bytes(b"\0")
    return open_flag(path)


def open_flag(path: Path) -> mmap:
    with path.open("r+b") as file:
        return mmap(file.fileno(), 1)


def _fork(link: socket.socket, order: dict[str, str]) -> int:
    theirs, child = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        link.close()
        theirs.close()
        die_with_parent(parent)
        _work(child, Path(order["table"]), Path(order["folder"]))
    child.close()
    send_socket(link, {"pid": pid}, theirs)
    theirs.close()
    return pid


# --- a pool process ---------------------------------------------------------------------------------------------------


def _work(link: socket.socket, table: Path, folder: Path) -> NoReturn:
    """Fit what comes, one fold after the other, until the other side is gone."""
    from athanor.engine.fitting.checkpoint import FolderCheckpoints
    from athanor.engine.fitting.crossfit import CrossFitter
    from athanor.engine.fitting.training_set import open_training_set

    closing = open_flag(table / "closing")
    at_birth = memory.private_data()
    fitter = CrossFitter(open_training_set(table), FolderCheckpoints(folder), lambda: closing[0] == 1)
    try:
        while (message := receive(link)) is not None:
            [(what, order)] = message.items()
            if order["memory"] is not None and at_birth:
                memory.limit_data(at_birth + order["memory"] + _RESERVED)
            send(link, _fit(fitter, order) if what == "fit" else _measure(fitter, order))
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)
    except BaseException:  # noqa: BLE001 - the outermost frame of a pool process
        # A forked copy must not unwind into the frames of whoever forked it: say what happened and end here.
        traceback.print_exc()
        os._exit(70)
    os._exit(0)


def _fit(fitter: CrossFitter, order: Message) -> Message:
    from athanor.engine.fitting.crossfit import FoldFit
    from athanor.engine.fitting.room import NeedsRoom

    try:
        return {"record": asdict(fitter.fit(FoldFit(**order)))}
    except AthanorError as error:
        return {"failed": str(error)}
    except OSError as error:
        return {"unavailable": f"A fold cannot be kept: {error.strerror or error}."}
    except NeedsRoom:
        return {"lost": "room"}
    except MemoryError:
        fitter.forget()
        return {"lost": "memory"}


def _measure(fitter: CrossFitter, order: Message) -> Message:
    from athanor.engine.budget import Budget
    from athanor.engine.importance.worth import measure_worth

    clock = Budget(order["until"])
    return {
        "why_not": measure_worth(
            Path(order["model"]), fitter.checkpoints, fitter.given, clock=clock, seed=order["seed"]
        )
    }


if __name__ == "__main__":
    live(socket.socket(fileno=int(sys.argv[1])))
