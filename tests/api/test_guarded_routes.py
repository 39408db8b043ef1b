"""Where a guarded route does its work."""

from __future__ import annotations

from threading import get_ident

import pytest
from fastapi import APIRouter

from athanor.api.auth import GuardedRoute


def route_of(endpoint):
    router = APIRouter(route_class=GuardedRoute)
    router.get("/asked")(endpoint)
    [route] = router.routes
    return route


@pytest.mark.anyio
async def test_a_plain_function_works_beside_the_event_loop():
    def where(number: int) -> tuple[int, int]:
        return number, get_ident()

    number, thread = await route_of(where).endpoint(number=3)
    assert number == 3
    assert thread != get_ident()


@pytest.mark.anyio
async def test_a_coroutine_stays_on_it():
    async def where() -> int:
        return get_ident()

    assert await route_of(where).endpoint() == get_ident()


@pytest.fixture
def anyio_backend():
    return "asyncio"
