"""The examples below a command's help, laid out as they are written."""

from __future__ import annotations


def as_written(text: str) -> str:
    """The text, each paragraph marked so that the help does not wrap its lines."""
    return "\n\n".join("\b\n" + paragraph for paragraph in text.strip("\n").split("\n\n"))
