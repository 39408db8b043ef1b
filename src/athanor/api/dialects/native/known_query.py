"""Query parameters that nobody knows are refused: else a slip would change nothing, and nobody be told."""

from __future__ import annotations

from fastapi import Request
from fastapi.routing import APIRoute

from athanor.errors import InvalidInput


async def check_query(request: Request) -> None:
    """Raises InvalidInput for a parameter that the route does not tell of in the OpenAPI schema."""
    route = request.scope["route"]
    assert isinstance(route, APIRoute)  # noqa: S101
    told = (route.openapi_extra or {}).get("parameters", ())
    if told:
        return  # the fields of a file, which are checked with those of its form
    known = [parameter.alias for parameter in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            takes = f"Known: {', '.join(known)}." if known else "None is taken here."
            raise InvalidInput(f"No query parameter {name[:80]!r} here. {takes}", field=name[:80])
