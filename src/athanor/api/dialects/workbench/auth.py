"""Who am I, and API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from athanor.api.auth import GuardedRoute, TheActor, TheServices
from athanor.api.dialects.workbench import answers, bodies, words
from athanor.api.request_ids import request_id
from athanor.core.actor import ApiKey, Scope
from athanor.errors import InvalidInput
from athanor.services.keys import KeyStatus, status_of

ROUTER = APIRouter(route_class=GuardedRoute, tags=["Keys"])


@ROUTER.get("/auth/whoami", response_model=answers.WhoAmIAnswer, summary="Whose key this is, and what it may do")
def whoami(actor: TheActor) -> dict[str, Any]:
    data = {
        "id": words.user_id(actor.user_id),
        "organizationId": words.organization_id(actor.organization_id),
        "scopes": words.vendor_scopes(actor.scopes),
        "keyId": None if actor.key_id is None else words.key_id(actor.key_id),
        "authMethod": "api-key",
    }
    return {"data": data, "meta": _meta()}


@ROUTER.post(
    "/auth/api-keys",
    status_code=201,
    response_model=answers.NewKeyAnswer,
    summary="Make a key; its text is shown this once",
    openapi_extra=words.needs(Scope.KEYS_WRITE),
)
def create_key(body: bodies.CreateKey, request: Request, actor: TheActor, services: TheServices) -> dict[str, Any]:
    key, text = services.keys.create(actor, body.name, words.core_scopes(body.scopes), body.expires_in_days)
    return {"data": {**_spelled(key, request.app.state.now()), "key": text}, "meta": _meta()}


@ROUTER.get(
    "/auth/api-keys",
    response_model=answers.KeyListAnswer,
    summary="The organization's keys, newest first",
    openapi_extra=words.needs(Scope.KEYS_READ),
)
def list_keys(
    request: Request,
    actor: TheActor,
    services: TheServices,
    status: Annotated[str | None, Query(description="active, revoked or expired")] = None,
) -> dict[str, Any]:
    now = request.app.state.now()
    keys = services.keys.list(actor, _key_status(status))
    return {"data": [_spelled(key, now) for key in keys], "meta": _meta()}


@ROUTER.delete(
    "/auth/api-keys/{key}",
    status_code=204,
    summary="Revoke a key",
    openapi_extra=words.needs(Scope.KEYS_WRITE),
)
def revoke_key(
    key: Annotated[str, Path(description="key_ and 32 hexadecimal digits")], actor: TheActor, services: TheServices
) -> Response:
    services.keys.revoke(actor, words.wanted_id(key, "key_", "key"))
    return Response(status_code=204)


def _key_status(word: str | None) -> KeyStatus | None:
    if word is None:
        return None
    if word not in set(KeyStatus):
        raise InvalidInput(f"No status {word[:80]!r}. Known: {', '.join(KeyStatus)}.", field="status")
    return KeyStatus(word)


def _spelled(key: ApiKey, now: datetime) -> dict[str, Any]:
    return {
        "id": words.key_id(key.id),
        "name": key.name,
        "keyPrefix": key.prefix,
        "scopes": words.vendor_scopes(key.scopes),
        "status": status_of(key, now=now).value,
        "expiresAt": words.optional_time_text(key.expires_at),
        "createdAt": words.time_text(key.created_at),
    }


def _meta() -> dict[str, str]:
    return {"requestId": request_id()}
