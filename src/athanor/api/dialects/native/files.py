"""What the routes that take or give a file say of it in the OpenAPI schema."""

from __future__ import annotations

from typing import Any

from athanor.api.dialects.native import bodies

FILE_OPTIONS: dict[str, Any] = {
    "format": {"type": "string", "description": "A reader's name; found out from the content without it."},
    "delimiter": {"type": "string", "description": "One character; `tab` for a tab."},
    "quote": {"type": "string", "description": "One character; empty for none."},
    "encoding": {"type": "string"},
    "has_header": {"type": "boolean"},
    "decimal": {"type": "string", "enum": [".", ","]},
    "sheet": {"type": "string", "description": "Of a workbook."},
    "member": {"type": "string", "description": "Of an archive."},
    "dim": {"type": "integer", "description": "Numbers in a row of raw float32, or of a libsvm vector."},
}
NEW_OPTIONS: dict[str, Any] = {
    "name": {"type": "string", "maxLength": bodies.MAX_NAME, "description": "Made from the file's name without it."},
    "id_column": {"type": "string", "description": "The column that names the rows, each once."},
}
FILE = {"type": "string", "format": "binary"}


def takes_file(fields: dict[str, Any], others: dict[str, Any] | None = None) -> dict[str, Any]:
    """A route's OpenAPI entry: a file as a form with `fields`, or as the body with the same in the query.

    others  kinds of bodies that it takes besides
    """
    form = {"type": "object", "required": ["file"], "properties": {"file": FILE, **fields}}
    query = {"filename": {"type": "string", "description": "Of a file that is the body itself."}, **fields}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "application/octet-stream": {"schema": FILE},
                **(others or {}),
            },
        },
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": {key: value for key, value in schema.items() if key != "description"},
                "description": schema.get("description", ""),
            }
            for name, schema in query.items()
        ],
    }
