"""A page that describes an API, made from its OpenAPI schema. It asks no other server for anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

Json = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem;color:#1b1b1f;background:#fff}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}summary{cursor:pointer;padding:.4rem 0}
code,pre{font:.875em/1.5 ui-monospace,monospace}pre{background:#f4f4f6;padding:.75rem;overflow-x:auto;border-radius:4px}
table{border-collapse:collapse;width:100%;font-size:.9em}td,th{text-align:left;vertical-align:top;padding:.25rem .75rem
.25rem 0;border-bottom:1px solid #e4e4e8}.method{display:inline-block;min-width:4.5rem;font-weight:600}
details{border-bottom:1px solid #e4e4e8}details>div{padding:0 0 1rem 1rem}
@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#17171a}pre{background:#232328}
td,th,details,h2{border-color:#3a3a40}a{color:#8ab4ff}}
"""


def docs_page(schema: Json, *, prefix: str) -> Response:
    """The page for the API `schema`, which is also served whole below `prefix`."""
    info = schema["info"]
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>",
        f"<p>Every path also stands below <code>{escape(prefix)}</code>. For programs: ",
        f"<a href='{escape(prefix)}/openapi.json'>openapi.json</a>.</p>",
        *_operations(schema),
        "<h2>Bodies</h2>",
        *(_named_schema(name, body) for name, body in sorted(schema.get("components", {}).get("schemas", {}).items())),
        "</body></html>",
    ]
    return HTMLResponse("".join(parts), headers={"Content-Security-Policy": _POLICY})


def _operations(schema: Json) -> Iterator[str]:
    """All operations, under the headings of their tags."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in schema["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                tag = (operation.get("tags") or ["other"])[0]
                by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    for tag, texts in by_tag.items():
        yield f"<h2>{escape(tag)}</h2>"
        yield from texts


def _operation(method: str, path: str, operation: Json) -> str:
    scope = f"<p>Scope: <code>{escape(operation['x-scope'])}</code></p>" if operation.get("x-scope") else ""
    return (
        f"<details><summary><span class=method>{method.upper()}</span> <code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary><div>{_paragraphs(operation.get('description', ''))}{scope}"
        f"{_parameters(operation.get('parameters', ()))}{_body(operation.get('requestBody'))}"
        f"{_responses(operation.get('responses', {}))}</div></details>"
    )


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _parameters(parameters: Any) -> str:
    rows = [
        (
            f"<code>{escape(parameter['name'])}</code>",
            escape(parameter["in"]),
            _type(parameter.get("schema", {})),
            "required" if parameter.get("required") else "",
            escape(parameter.get("description", "")),
        )
        for parameter in parameters
    ]
    return _table("Parameters", rows)


def _body(body: Json | None) -> str:
    if not body:
        return ""
    kinds = "; ".join(
        f"<code>{escape(kind)}</code> {_type(content.get('schema', {}))}" for kind, content in body["content"].items()
    )
    return f"<p>Body: {kinds}</p>"


def _responses(responses: Json) -> str:
    rows = []
    for status, response in responses.items():
        kinds = [_type(content.get("schema", {})) for content in response.get("content", {}).values()]
        rows.append((f"<code>{escape(status)}</code>", escape(response.get("description", "")), " ".join(kinds)))
    return _table("Answers", rows)


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<p>{title}</p><table>{lines}</table>"


def _named_schema(name: str, schema: Json) -> str:
    required = set(schema.get("required", ()))
    rows = [
        (
            f"<code>{escape(field)}</code>",
            _type(part),
            "required" if field in required else _default(part),
            escape(part.get("description", "")),
        )
        for field, part in schema.get("properties", {}).items()
    ]
    about = _paragraphs(schema.get("description", ""))
    fields = _table("", rows)
    title = f"<summary><code>{escape(name)}</code></summary>"
    return f"<details id='{escape(name)}'>{title}<div>{about}{fields}</div></details>"


def _default(part: Json) -> str:
    return f"default <code>{escape(json.dumps(part['default']))}</code>" if part.get("default") is not None else ""


def _type(schema: Json) -> str:
    """A schema in a few words, with links to the named ones."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(_type(part) for part in schema[choice])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(json.dumps(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "anything")))
