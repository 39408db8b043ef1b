"""Values of JSON one after the other, with little of the text in memory."""

import json

import pytest

from athanor.engine.readers import json_values
from athanor.engine.readers.json_values import values_in
from athanor.errors import InvalidInput


@pytest.fixture
def values(tmp_path):
    def read(text):
        path = tmp_path / "x.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return [value for value, _ in values_in(path)]

    return read


ROWS = [{"a": number, "b": "x" * number} for number in range(50)]


@pytest.mark.parametrize("piece", [3, 17, 2**20])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        json.dumps({"data": ROWS}),
        json.dumps({"data": ROWS, "n": 50, "more": {"x": [1]}}),
        json.dumps({"n": 50, "data": ROWS}),
        "\n\n".join(map(json.dumps, ROWS)) + "\n",
        " \n" + json.dumps(ROWS) + "\n ",
    ],
)
def test_the_same_values_come_whatever_is_around_them_and_however_they_are_cut(values, monkeypatch, text, piece):
    monkeypatch.setattr(json_values, "_PIECE", piece)
    assert values(text) == ROWS


@pytest.mark.parametrize("piece", [1, 2**20])
def test_single_values_are_values_too(values, monkeypatch, piece):
    monkeypatch.setattr(json_values, "_PIECE", piece)
    assert values('[12, 1.5, true, null, "a"]') == [12, 1.5, True, None, "a"]
    assert values("[]") == values("") == values(" ") == []
    assert values("123") == [123]


def test_lengths_are_told_in_characters(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('[ {"a": 1} , 5]')
    assert list(values_in(path)) == [({"a": 1}, 8), (5, 1)]


@pytest.mark.parametrize("piece", [2, 2**20])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1},\n{"a": }]', 2),
        ('{"a": 1}\n{"a": 1', 2),
        ("[1,\n2] x", 2),
        ("[1 2]", 1),
        ("[1,", 1),
        ('{"data": [{}], 5: 1}', 1),
        ('{"data": [{}]', 1),
        ("[" + "[" * 100_000, 1),
        ("[" + "9" * 5000 + "]", 1),
    ],
)
def test_what_is_no_json_is_refused_with_its_line(values, monkeypatch, text, line, piece):
    monkeypatch.setattr(json_values, "_PIECE", piece)
    with pytest.raises(InvalidInput, match=f"not well-formed JSON in line {line}:"):
        values(text)


def test_a_value_is_not_longer_than_what_may_be_held(values, monkeypatch):
    monkeypatch.setattr(json_values, "_PIECE", 10)
    monkeypatch.setattr(json_values, "LARGEST_VALUE", 100)
    with pytest.raises(InvalidInput, match="in line 1: a value has more than 100 characters"):
        values(json.dumps(["x" * 300]))


def test_what_is_not_utf8_is_refused(values):
    with pytest.raises(InvalidInput, match="not UTF-8"):
        values(b'["\xff"]')
