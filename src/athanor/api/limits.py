"""Limits in front of routing: how often, how many bytes, and how slowly they may come. Pure ASGI, reads no body."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Lock

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from athanor.api.auth import key_text
from athanor.errors import AthanorError, InvalidInput, RateLimited, TooLarge

Clock = Callable[[], float]  # monotonic seconds
MAX_BUCKETS = 10_000  # the least recently used one goes first
SETTLE = "settle_rate"  # where a request's state has what is to be called with a good key that came in its body


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one caller may ask of the server.

    requests_per_minute   each key may make so many requests, evenly; an address without a good key as well; 0: no limit
    burst                 and so many at once
    upload_bytes          the largest body of an upload
    json_bytes            the largest body of anything else
    idle_s                the longest wait for the next bytes of a body
    grace_s               after this much waiting a body must have come at `min_bytes_per_s` on average
    """

    requests_per_minute: float
    burst: int
    upload_bytes: int
    json_bytes: int
    idle_s: float = 30.0
    grace_s: float = 60.0
    min_bytes_per_s: float = 4096.0


class TokenBuckets:
    """One bucket per caller: it holds `burst` tokens and fills at `per_s`. With 0 a second it never runs out."""

    def __init__(self, *, per_s: float, burst: int, clock: Clock) -> None:
        self._per_s, self._burst, self._clock = per_s, float(burst), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # name -> tokens, when
        self._lock = Lock()  # keys in bodies are found in threads

    def take(self, name: str) -> float:
        """Take a token. 0.0, or the seconds until there is one."""
        if not self._per_s:
            return 0.0
        with self._lock:
            tokens, now = self._filled(name)
            wait_s = 0.0 if tokens >= 1.0 else (1.0 - tokens) / self._per_s
            self._buckets[name] = (tokens if wait_s else tokens - 1.0, now)
            while len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        return wait_s

    def give_back(self, name: str) -> None:
        """Put a token back that was taken for nothing."""
        if not self._per_s:
            return
        with self._lock:
            tokens, now = self._filled(name)
            self._buckets[name] = (min(self._burst, tokens + 1.0), now)

    def _filled(self, name: str) -> tuple[float, float]:
        """What the bucket holds now, and now. It is the caller who puts it among the last used."""
        now = self._clock()
        tokens, at = self._buckets.pop(name, (self._burst, now))
        return min(self._burst, tokens + (now - at) * self._per_s), now


@dataclass(slots=True)
class Rates:
    """Who asked how often. A key that was never good counts on its address, so that guessing keys gains nothing."""

    buckets: TokenBuckets
    _good: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def charge(self, key: str | None, address: str) -> str:
        """Take a token for the request. The bucket that it was taken from. Raises RateLimited."""
        digest = _digest(key)
        name = f"key {digest}" if digest in self._good else f"address {address}"
        self._take(name)
        return name

    def settle(self, paid: str, key: str) -> None:
        """A good key came in the body, after bucket `paid` was charged: that one gets its token back, the key pays.

        So a request without a good key costs its address one, however many come at the same time. Raises RateLimited.
        """
        self.buckets.give_back(paid)
        self._take(f"key {_digest(key)}")

    def _take(self, name: str) -> None:
        wait_s = self.buckets.take(name)
        if wait_s:
            # In whole seconds, as `Retry-After` says it too.
            message = f"Too many requests. Wait {max(1, math.ceil(wait_s))} s and try again."
            raise RateLimited(message, retry_after_s=wait_s)

    def trust(self, key: str | None) -> None:
        """The key was good: from now on it counts on its own."""
        self._good[_digest(key)] = None
        self._good.move_to_end(_digest(key))
        while len(self._good) > MAX_BUCKETS:
            self._good.popitem(last=False)


class Limited:
    """An app behind its limits. What is refused is answered by `respond`, in the app's own shape."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        rates: Rates,
        clock: Clock,
        is_upload: Callable[[str, str, str, str], bool],  # of method, path, content type and query
        respond: Callable[[AthanorError], Response],
    ) -> None:
        self._app, self._limits, self._rates, self._clock = app, limits, rates, clock
        self._is_upload, self._respond = is_upload, respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        key = key_text(headers)
        client = scope.get("client")
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_upload = self._is_upload(
            scope["method"], path, headers.get("content-type", ""), scope["query_string"].decode("latin-1")
        )
        limit = self._limits.upload_bytes if is_upload else self._limits.json_bytes
        try:
            paid = self._rates.charge(key, client[0] if client else "unknown")
            _check_announced(headers, limit)
        except AthanorError as error:
            await self._respond(error)(scope, receive, send)
            return
        scope["state"][SETTLE] = partial(self._rates.settle, paid)
        await self._app(scope, self._counted(receive, limit), send)
        if scope["state"].get("is_authenticated"):
            self._rates.trust(key)

    def _counted(self, receive: Receive, limit: int) -> Receive:
        """`receive` that raises TooLarge past `limit` bytes, and InvalidInput when they come too slowly."""
        limits, clock = self._limits, self._clock
        n_bytes, waited_s, is_whole = 0, 0.0, False

        async def counted() -> Message:
            nonlocal n_bytes, waited_s, is_whole
            if is_whole:  # what comes now is the end of the connection, whenever it comes
                return await receive()
            began = clock()
            allowed_s = min(limits.idle_s, limits.grace_s + n_bytes / limits.min_bytes_per_s - waited_s)
            try:
                message = await asyncio.wait_for(receive(), max(allowed_s, 0.001))
            except TimeoutError as error:
                raise InvalidInput(
                    f"The body came too slowly: {n_bytes} bytes, then nothing for {allowed_s:.0f} s. Send it again.",
                    code="request-timeout",
                ) from error
            waited_s += clock() - began
            n_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if n_bytes > limit:
                raise _too_large(limit)
            return message

        return counted


def _check_announced(headers: Headers, limit: int) -> None:
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than the {limit:,} bytes that this server takes here. Send less.")


def _digest(key: str | None) -> str:
    return hashlib.sha256((key or "").encode("utf-8", "surrogatepass")).hexdigest()
