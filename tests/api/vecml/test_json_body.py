"""Bodies taken apart: what is left as it came must be what would have been read."""

import json

import numpy as np
import pytest

from athanor.api.dialects.vecml import json_body
from athanor.api.dialects.vecml.json_body import Bulk, read_fields, rows_in_parts
from athanor.errors import InvalidInput, TooLarge


def lifted(text, *names):
    return read_fields(text.encode() if isinstance(text, str) else text, names)


def rows_of(bulk, part_bytes):
    return [row for part in rows_in_parts(bulk, part_bytes) for row in part]


DENSE = [[0, -1.5, 2e-8], [1.25e20, 4, -0.0], [7, 8, 9]]
OBJECTS = [{"0": 1.5, "17": -2}, {}, {"3": 1e-9}]
PAIRS = [[[0, 1.5], [17, -2]], [], [[3, 1e-9]]]


@pytest.mark.parametrize(("kind", "rows"), [("dense", DENSE), ("object", OBJECTS), ("pairs", PAIRS)])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("part_bytes", [1, 7, 10**6])
def test_rows_of_numbers_are_left_as_they_came_and_read_in_parts(kind, rows, indent, part_bytes):
    text = json.dumps({"user_api_key": "k", "data": rows, "string_ids": ["a", "b", "c"]}, indent=indent)
    fields = lifted(text, "data")
    assert isinstance(fields["data"], Bulk)
    assert fields["data"].kind == kind
    assert rows_of(fields.pop("data"), part_bytes) == rows
    assert fields == {"user_api_key": "k", "string_ids": ["a", "b", "c"]}


def test_base64_is_left_as_it_came():
    fields = lifted('{"file_data" : "QUJD\\nRA==", "X": 1}', "file_data", "X")
    assert bytes(fields["file_data"].source) == b"QUJD\\nRA=="
    assert fields["X"] == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [[1, 2], [3, null]]}',
        '{"data": [[1, 2], [3, "x"]]}',
        '{"data": [[1, 2], [3, true]]}',
        '{"data": [[1, 2], [3, NaN]]}',
        '{"data": [1, 2]}',
        '{"data": {"1": 2}}',
        '{"data": "what is not base64: §"}',
        '{"data": null}',
        '{"meta": {"data": [[1, 2]]}}',
        '{"attributes": [{"data": [[1, 2]]}], "data": [[3, 4]]}',
        '{"attributes": [{"data": [[1, 2]]}]}',
        '{"data": [[1, 2]], "data": [[3, 4]]}',
        '{"data": [[1, 2]], "data": 5}',
        '{"data": [[1, 2]], "d\\u0061ta": [[5]]}',
        '{"note": "\\"data\\": [[1, 2]]"}',
        '{"a\\"data": [[1, 2]], "x": 1}',
    ],
)
def test_where_it_cannot_be_told_by_looking_all_is_read(text):
    fields = lifted(text, "data")
    assert not any(isinstance(value, Bulk) for value in fields.values())
    assert str(fields) == str(json.loads(text))  # NaN is like no other


def test_beside_its_bulk_a_body_is_bounded(monkeypatch):
    monkeypatch.setattr(json_body, "LARGEST_REST", 100)
    assert isinstance(lifted(json.dumps({"data": DENSE * 50}), "data")["data"], Bulk)
    assert isinstance(lifted(json.dumps({"X": "QUJD" * 50}), "X")["X"], Bulk)
    for body in ({"data": DENSE, "note": "x" * 100}, {"data": [*DENSE * 50, [None]]}, {"other": DENSE * 50}):
        with pytest.raises(TooLarge, match="100 bytes"):
            lifted(json.dumps(body), "data")


def test_a_field_that_comes_twice_counts_as_its_last():
    fields = lifted('{"data": 5, "data": [[1, 2]]}', "data")
    assert rows_of(fields["data"], 100) == [[1, 2]]


def test_random_bodies_read_the_same_either_way():
    rng = np.random.default_rng(7)
    for _ in range(200):
        rows = [
            [float(f"{value:.4g}") for value in rng.normal(size=rng.integers(0, 4))] for _ in range(rng.integers(6))
        ]
        body = {"a": '"data": [[', "data": rows, "b": [{"c": "]]"}]}
        text = json.dumps(body, indent=int(rng.integers(3)) or None)
        fields = lifted(text, "data")
        data = fields["data"]
        assert (rows_of(data, int(rng.integers(1, 40))) if isinstance(data, Bulk) else data) == rows
        assert {**fields, "data": rows} == body


@pytest.mark.parametrize(
    "rows",
    ["[[1] [2]]", "[[1],,[2]]", "[[1],[2],]", "[,[1]]", "[[1,],[2]]", "[[1.],[2]]", "[[01]]", "[[1-2]]", "[[.]]"],
)
@pytest.mark.parametrize("part_bytes", [1, 100])
def test_rows_that_only_look_like_json_are_refused(rows, part_bytes):
    def read():
        return rows_of(lifted(f'{{"data": {rows}}}', "data")["data"], part_bytes)

    with pytest.raises(InvalidInput, match="JSON"):
        read()


@pytest.mark.parametrize("text", ["", "{", "[]", "5", '"x"', "{}x", '{"a": 1,}', "\xff", "[" * 100_000, '{"a": 1e}'])
def test_what_is_no_json_object_is_refused(text):
    for names in ((), ("data",)):
        with pytest.raises(InvalidInput):
            read_fields(text.encode("latin-1"), names)


def test_a_refusal_repeats_nothing_of_the_body():
    with pytest.raises(InvalidInput) as refused:
        read_fields(b'{"user_api_key": "ath_secret", oops}')
    assert "secret" not in str(refused.value)
