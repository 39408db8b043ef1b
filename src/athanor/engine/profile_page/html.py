"""HTML elements as text. Whatever is no element itself is escaped, so that a stranger's text stays text."""

from __future__ import annotations

from html import escape

VOID = frozenset({"meta", "input", "br"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *children: str | None, **attributes: str | float | None) -> Html:
    """`<tag …>children</tag>`. An underscore in an attribute's name is a dash: `class_`, `aria_label`.

    Children and attributes that are None are left out.
    """
    opened = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{opened}>" if tag in VOID else f"<{tag}{opened}>{joined(*children)}</{tag}>")


def joined(*children: str | None) -> Html:
    return Html(
        "".join(
            child if isinstance(child, Html) else escape(child, quote=False) for child in children if child is not None
        )
    )
