"""Addresses that an answer names: where the client found this server, or where the operator says that it stands."""

from __future__ import annotations

from fastapi import Request

PUBLIC = "public_url"  # in the state of a request


def own_address(request: Request, path: str) -> str:
    """The address of `path`, which starts without a slash, below the prefix that the request came by."""
    public = getattr(request.state, PUBLIC, None)
    if public is None:
        return f"{request.base_url}{path}"
    return f"{public.rstrip('/')}{request.scope.get('root_path', '')}/{path}"
