"""What stands in front of routing: how often, how many bytes, how slowly."""

import asyncio

import pytest

from athanor.api.limits import MAX_BUCKETS, Limited, Limits, Rates, TokenBuckets
from athanor.api.server import Server
from athanor.core.actor import Scope
from athanor.errors import InvalidInput, RateLimited, TooLarge


class Tick:
    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.fixture
def tick():
    return Tick()


def small(**changes):
    return Limits(**{"requests_per_minute": 60, "burst": 2, "json_bytes": 100, "upload_bytes": 1000, **changes})


# how often


def test_a_bucket_gives_its_burst_and_then_one_token_at_a_time(tick):
    buckets = TokenBuckets(per_s=2.0, burst=3, clock=tick)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    tick.at += 0.5
    assert [buckets.take("a") for _ in range(2)] == [0.0, 0.5]


def test_being_refused_costs_nothing(tick):
    buckets = TokenBuckets(per_s=1.0, burst=1, clock=tick)
    assert [buckets.take("a") for _ in range(10)][-1] == 1.0


def test_buckets_are_apart(tick):
    buckets = TokenBuckets(per_s=1.0, burst=1, clock=tick)
    assert [buckets.take(name) for name in "abab"] == [0.0, 0.0, 1.0, 1.0]


def test_a_bucket_never_holds_more_than_its_burst(tick):
    buckets = TokenBuckets(per_s=1.0, burst=2, clock=tick)
    buckets.take("a")
    tick.at += 3600
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]


def test_what_is_remembered_is_bounded(tick):
    buckets = TokenBuckets(per_s=1.0, burst=1, clock=tick)
    for number in range(MAX_BUCKETS + 100):
        buckets.take(str(number))
    assert len(buckets._buckets) == MAX_BUCKETS


def test_guessing_keys_counts_on_the_address_and_a_good_key_on_itself(tick):
    rates = Rates(TokenBuckets(per_s=1.0, burst=2, clock=tick))
    rates.charge("guess 1", "10.0.0.1")
    rates.charge("guess 2", "10.0.0.1")
    with pytest.raises(RateLimited) as refused:
        rates.charge("guess 3", "10.0.0.1")
    assert refused.value.retry_after_s == 1.0
    assert str(refused.value) == "Too many requests. Wait 1 s and try again."
    rates.charge("guess 4", "10.0.0.2")
    rates.trust("good")
    rates.charge("good", "10.0.0.1")


def test_a_token_that_was_taken_for_nothing_is_put_back(tick):
    buckets = TokenBuckets(per_s=1.0, burst=2, clock=tick)
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]  # never more than the burst
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(2)] == [0.0, 1.0]


def test_a_bucket_that_is_filled_with_nothing_a_second_has_no_bottom(tick):
    buckets = TokenBuckets(per_s=0.0, burst=1, clock=tick)
    assert {buckets.take("a") for _ in range(100)} == {0.0}
    buckets.give_back("a")


def test_a_good_key_in_the_body_pays_instead_of_the_address(tick):
    rates = Rates(TokenBuckets(per_s=1.0, burst=2, clock=tick))
    for _ in range(2):
        rates.settle(rates.charge(None, "10.0.0.1"), "good")
    paid = rates.charge(None, "10.0.0.1")  # the address still has both of its tokens
    with pytest.raises(RateLimited):
        rates.settle(paid, "good")
    rates.settle(rates.charge(None, "10.0.0.1"), "another")


def test_requests_whose_key_is_not_found_yet_cannot_be_more_than_the_burst(tick):
    """However many guesses come at the same time, each has its token from the start."""
    rates = Rates(TokenBuckets(per_s=1.0, burst=2, clock=tick))
    under_way = [rates.charge(None, "10.0.0.1") for _ in range(2)]
    with pytest.raises(RateLimited):
        rates.charge(None, "10.0.0.1")
    rates.settle(under_way[0], "good")
    rates.charge(None, "10.0.0.1")


def test_a_wait_is_told_in_whole_seconds_and_never_as_none(tick):
    rates = Rates(TokenBuckets(per_s=1000.0, burst=1, clock=tick))
    rates.charge("guess", "10.0.0.1")
    with pytest.raises(RateLimited, match="Wait 1 s and"):
        rates.charge("guess", "10.0.0.1")


def test_too_many_requests_are_refused_in_the_dialects_shape(world):
    limits = small(requests_per_minute=60, burst=3, json_bytes=10**6)
    tick = Tick()
    world.server = Server(world.services, spool=world.spool, limits=limits, now=world.clock, clock=tick)
    answers = [world.call("GET", "/api/v1/automl/stats") for _ in range(6)]
    # The first counts on the address, because nobody knows the key yet; the rest on the key.
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
    assert answers[-1].json()["error"]["code"] == "rate-limited"
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].headers["x-request-id"] == answers[-1].json()["meta"]["requestId"]
    assert world.call("GET", "/healthz").status_code == 200
    assert world.call("GET", "/api/v1/automl/stats", key=world.a_key(Scope.RUNS_READ)).status_code == 200
    tick.at += 1.0
    assert world.call("GET", "/api/v1/automl/stats").status_code == 200


# how many bytes, how slowly


def limited(limits, clock, *, is_upload=False):
    """An app that reads its body and answers nothing, behind `limits`; and what it was told."""
    read = []

    async def app(scope, receive, send):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            read.append(message.get("body", b""))
            if not message.get("more_body"):
                return

    rates = Rates(TokenBuckets(per_s=1e9, burst=10**9, clock=clock))
    refused = []

    def respond(error):
        refused.append(error)

        async def nothing(scope, receive, send):
            return None

        return nothing

    app_behind = Limited(app, limits=limits, rates=rates, clock=clock, is_upload=lambda *_: is_upload, respond=respond)
    return app_behind, read, refused


def ask(app, receive, **headers):
    scope = {
        "type": "http",
        "query_string": b"",
        "method": "POST",
        "path": "/",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.0.0.1", 1),
        "state": {},
    }
    return asyncio.run(app(scope, receive, None))


def parts(*bodies):
    told = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    told[-1]["more_body"] = False
    left = iter(told)

    async def receive():
        return next(left)

    return receive


@pytest.mark.parametrize("announced", ["101", "99999999999999999999999999", "0000000000101"])
def test_a_body_that_announces_itself_too_large_is_refused_before_it_is_read(tick, announced):
    app, read, refused = limited(small(), tick)
    ask(app, parts(b"x"), content_length=announced)
    assert read == []
    assert isinstance(refused[0], TooLarge)


@pytest.mark.parametrize("announced", ["100", "", "many", "-5", "٣"])
def test_what_a_body_announces_is_not_believed(tick, announced):
    app, read, _ = limited(small(), tick)
    with pytest.raises(TooLarge):
        asyncio.run(
            app(
                {
                    "type": "http",
                    "query_string": b"",
                    "method": "POST",
                    "path": "/",
                    "headers": [(b"content-length", announced.encode("utf-8"))],
                    "client": None,
                    "state": {},
                },
                parts(b"x" * 60, b"x" * 41),
                None,
            )
        )
    assert sum(map(len, read)) == 60


def test_a_body_of_just_the_limit_comes_whole(tick):
    app, read, _ = limited(small(), tick)
    ask(app, parts(b"x" * 60, b"x" * 40), content_length="100")
    assert sum(map(len, read)) == 100


def test_an_upload_has_a_limit_of_its_own(tick):
    app, read, _ = limited(small(), tick, is_upload=True)
    ask(app, parts(b"x" * 1000))
    assert sum(map(len, read)) == 1000


def test_a_body_that_stops_coming_is_given_up(tick):
    app, _, _ = limited(small(idle_s=0.01), tick)

    async def never():
        await asyncio.Event().wait()

    with pytest.raises(InvalidInput) as given_up:
        ask(app, never)
    assert given_up.value.code == "request-timeout"


def test_a_body_that_trickles_is_given_up(tick):
    """A byte now and then would hold the connection for days."""
    app, read, _ = limited(small(idle_s=30.0, grace_s=60.0, min_bytes_per_s=1.0, json_bytes=10_000), tick)

    async def trickle():
        if tick.at >= 61.0:
            await asyncio.Event().wait()
        tick.at += 20.0
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(InvalidInput):
        ask(app, trickle)
    assert len(read) == 4


def test_the_time_that_the_server_itself_takes_is_not_counted(tick):
    app, read, _ = limited(small(grace_s=1.0, json_bytes=10_000), tick)
    left = [b"x"] * 5

    async def receive():
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left)}

    inner = app._app

    async def slow(scope, receive, send):
        async def slowly():
            tick.at += 1000.0
            return await receive()

        await inner(scope, slowly, send)

    app._app = slow
    ask(app, receive)
    assert len(read) == 5


def test_waiting_for_the_end_of_the_connection_has_no_limit(tick):
    app, _, _ = limited(small(idle_s=0.0, grace_s=0.0), tick)
    told = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"", "more_body": False}]

    async def receive():
        if len(told) == 1:
            await asyncio.sleep(0.005)
        return told.pop()

    async def app_that_waits(scope, receive, send):
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"

    app._app = app_that_waits
    ask(app, receive)
