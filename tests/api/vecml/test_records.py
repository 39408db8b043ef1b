"""Files of records that hold vectors."""

import json

import numpy as np
import pytest

from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.records import holds_vectors, read_records
from athanor.errors import InvalidInput


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "records.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        ([{"data": [1]}], True),
        ([{"id": "a", "attributes": {"x": "y" * 9999}, "vector": [1]}], True),
        ({"data": [{"data": [1]}]}, True),
        ([{"data": {"3": 1}}], True),
        ([{"data": []}], True),
        ([{"vector": [[0, 1]]}], True),
        ([{"x": 1, "data": 5}], False),
        ({"data": [{"x": 1}]}, False),
        ([{"id": "a", "x": 1}], False),
        ([{"note": '"data": [1'}], False),
        ([], False),
    ],
)
def test_records_hold_vectors_where_one_stands_under_its_key(file, content, holds):
    assert holds_vectors(file(content)) is holds


def test_many_records_are_read_in_order(file):
    rows = np.arange(15_000).reshape(5000, 3)
    records = [{"string_id": f"r{number}", "data": row} for number, row in enumerate(rows.tolist())]
    for content in (records, {"data": records}, "\n\n".join(map(json.dumps, records)) + "\n"):
        batch = read_records(file(content))
        assert batch.matrix.dtype == np.float32
        assert np.array_equal(batch.matrix, rows)
        assert batch.ids == [f"r{number}" for number in range(5000)]
        assert batch.attributes is None


def test_the_first_record_says_whether_vectors_are_sparse(file):
    for vectors in ([{"0": 1, "2": 3}, {}], [[[0, 1], [2, 3]], []]):
        batch = read_records(file([{"data": vector} for vector in vectors]))
        assert batch.matrix.toarray().tolist() == [[1, 0, 3], [0, 0, 0]]
        assert batch.ids is None


def test_one_record_alone_is_a_file_too(file):
    assert read_records(file({"id": "a", "vector": [1, 2]})).ids == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"data": [1, 2]}, {"data": [1]}], "row 2 has 1 numbers; vectors have 2 here"),
        ([{"data": [1, 2]}, {"data": [1, "x"]}], "row 2, position 2: a number is expected"),
        ([{"data": [1, 2]}, {"x": 1}], "record 2 must be an object with the vector"),
        ([{"data": [1, 2]}, 5], "record 2 must be an object with the vector"),
        ([{"data": [1], "id": "a"}, {"data": [1]}], "row 2: an id is a text, null came"),
        ([{"data": [1], "id": 5}], "row 1: an id is a text, the number 5 came"),
        ([{"data": [1], "attributes": []}], "row 1 must be an object"),
        ('[{"data": [1]}', "not well-formed JSON"),
        ('{"data": [1]}\n{"data": [1}', "line 2"),
        ('[{"data": [1]}] x', "not well-formed JSON"),
        ('[{"data": [1]}, {"data": ' + "[" * 100_000, "not well-formed JSON"),
    ],
)
def test_what_is_wrong_is_named(file, content, message):
    with pytest.raises(InvalidInput) as refused:
        read_records(file(content))
    assert message in str(refused.value)
    assert refused.value.field == "file_data"


def test_what_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"data": [1], "id": "\xff"}]')
    with pytest.raises(InvalidInput, match="JSON"):
        read_records(path)


def test_attributes_become_texts():
    assert attributes_of([{"a": 1, "b": 2.0, "c": None, "d": True}, None, {"a": "x"}]) == [
        {"a": "1", "b": "2.0", "d": "true"},
        {},
        {"a": "x"},
    ]
    assert attributes_of([{"a": None, "b": 1}], keeps_nulls=True) == [{"a": None, "b": "1"}]
    for wrong in (float("nan"), float("inf"), [], {}):
        with pytest.raises(InvalidInput, match="row 1, 'a'"):
            attributes_of([{"a": wrong}])


def test_ids_are_texts():
    assert ids_of(["a", "b"]) == ["a", "b"]
    for wrong in (5, None, True, 1.5, []):
        with pytest.raises(InvalidInput, match="row 2: an id is a text"):
            ids_of(["a", wrong])
