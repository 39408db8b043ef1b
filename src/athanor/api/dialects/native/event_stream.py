"""What a job tells, as server-sent events: read from the records, so that any process can serve a stream."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from athanor.api.dialects.native import words
from athanor.errors import NotFound, Unavailable
from athanor.services.runs import Told

POLL_S = 0.5  # between two looks; no thread waits meanwhile
HEARTBEAT_S = 15.0  # a comment after so much silence, so that nobody on the way takes the connection for dead
LONGEST_S = 600.0  # then it ends, and who still listens comes again behind the last number: with a key that still holds
GRACE_S = 15.0  # more, for what was begun to be sent; then it is cut off: a client that does not read has no stream
AT_ONCE = 500  # events of one look
MOST_STREAMS = 200  # at a time

MEDIA_TYPE = "text/event-stream"


class OpenStreams:
    """Counts the streams of one application."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._free = most

    def enter(self) -> None:
        """Raises Unavailable where as many are open as may be. Called where the event loop runs, like `leave`."""
        if self._free < 1:
            raise Unavailable("Too many event streams are open. Try again later, or ask for the events page by page.")
        self._free -= 1

    def leave(self) -> None:
        self._free += 1


class EventStream(StreamingResponse):
    """The events behind number `after`, each as it comes, until the job has ended or the time of a stream is over.

    look   gives what was told behind a number
    first  what it gave for `after`
    """

    def __init__(self, look: Callable[[int], Told], first: Told, *, after: int, streams: OpenStreams) -> None:
        self._streams = streams
        super().__init__(
            _pieces(look, first, after),
            media_type=MEDIA_TYPE,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._streams.enter()
        try:
            with anyio.move_on_after(LONGEST_S + GRACE_S):
                await super().__call__(scope, receive, send)
        finally:
            self._streams.leave()


async def _pieces(look: Callable[[int], Told], first: Told, after: int) -> AsyncIterator[str]:
    told: Told | None = first
    opened_at = heard_at = anyio.current_time()
    yield f"retry: {round(1000 * POLL_S)}\n\n"
    while anyio.current_time() - opened_at < LONGEST_S:
        for event in () if told is None else told.events:
            yield _spelled(event.kind.value, words.event(event), number=event.seq)
            after, heard_at = event.seq, anyio.current_time()
        has_more = told is not None and len(told.events) >= AT_ONCE
        if told is not None and told.job.is_final and not has_more:
            yield _spelled("end", {"job": str(told.job.id), "state": words.STATES[told.job.state]})
            return
        if not has_more:
            await anyio.sleep(POLL_S)
            if anyio.current_time() - heard_at >= HEARTBEAT_S:
                yield ": nothing new\n\n"
                heard_at = anyio.current_time()
        try:
            told = await run_in_threadpool(look, after)
        except NotFound:  # it was deleted
            yield _spelled("end", {"job": str(first.job.id), "state": None})
            return
        except Unavailable:  # the records are busy: the next look will do
            told = None


def _spelled(kind: str, data: object, *, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    return f"{head}event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
