"""The native API over real HTTP."""

from __future__ import annotations

from typing import Any

import httpx

from support.server import NO_TLS, ServerProcess, wait_for


def native(server: ServerProcess, key: str | None = None) -> httpx.Client:
    headers = {"X-API-Key": server.key if key is None else key}
    return httpx.Client(base_url=f"{server.url}/v1", headers=headers, timeout=60.0, verify=NO_TLS)


def whole_profile(client: httpx.Client, dataset: str) -> dict[str, Any]:
    """The profile of the newest version, once its job has made it."""

    def made() -> Any:
        answer = client.get(f"/datasets/{dataset}/profile")
        assert answer.status_code in {200, 202}, answer.text
        assert answer.json()["state"] != "failed", answer.text
        return answer.json()["profile"]

    return dict(wait_for(made, "the profile"))
