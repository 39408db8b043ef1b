"""The page that describes an API."""

import re
from html.parser import HTMLParser

import pytest

from athanor.api.docs import docs_page


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]


@pytest.fixture
def text(world):
    return world.call("GET", "/workbench/docs", key=None).text


def test_it_asks_no_other_server_for_anything(text):
    page = Page(text)
    assert {"script", "link", "img", "iframe"} & set(page.tags) == set()
    assert all(link.startswith(("#", "/workbench/")) for link in page.links)
    assert not re.search(r"url\(|@import", text)


def test_every_operation_and_every_body_stands_on_it(world, text):
    schema = world.call("GET", "/workbench/openapi.json", key=None).json()
    for path in schema["paths"]:
        assert f"<code>{path}</code>" in text
    for name in schema["components"]["schemas"]:
        assert f"id='{name}'" in text


def test_every_link_inside_the_page_leads_somewhere(text):
    targets = set(re.findall(r"id='(\w+)'", text))
    assert {link[1:] for link in Page(text).links if link.startswith("#")} <= targets


def test_what_a_schema_says_cannot_become_markup():
    schema = {
        "info": {"title": "<script>", "description": "</p><script>alert(1)</script>"},
        "paths": {"/<b>": {"get": {"summary": "<i>", "responses": {"200": {"description": "<u>"}}}}},
        "components": {"schemas": {"A": {"properties": {"<s>": {"default": "<q>", "enum": ["<em>"]}}}}},
    }
    body = docs_page(schema, prefix="/x").body.decode()
    assert not {"script", "b", "i", "u", "s", "q", "em"} & set(Page(body).tags)
