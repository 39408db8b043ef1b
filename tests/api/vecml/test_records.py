"""Files of records that hold vectors."""

import json

import numpy as np
import pytest

from athanor.api.dialects.vecml import records
from athanor.api.dialects.vecml.attributes import attributes_of, ids_of
from athanor.api.dialects.vecml.records import read_records
from athanor.errors import InvalidInput, TooLarge


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
        ({"data": [[1, 2], [3, 4]]}, False),
        ([{"data": [[1, 2], [3, 4]]}], True),
        ([{"id": "a", "x": 1}], False),
        ([{"note": '"data": [1'}], False),
        ([], False),
        ([{"id": "a", "note": "y" * 2_000_000, "data": [1]}], True),
        ({"n": 1, "data": [{"data": [1]}]}, True),
        ({"data": [{"data": [1]}], "n": 1}, True),
        ({"columns": ["x", "y"], "data": [[1, 2], [3, 4]]}, False),
        ("[{", False),
    ],
)
def test_the_first_record_says_whether_records_hold_vectors(file, content, holds):
    assert (read_records(file(content)) is not None) is holds


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_text(file, encoding):
    for content in ('[{"data": [1], "id": "ü"}]', '{"data": [1], "id": "ü"}\n{"data": [2], "id": "b"}\n'):
        path = file("")
        path.write_bytes(content.encode(encoding))
        assert read_records(path).ids[0] == "ü"


def test_ids_stand_under_the_name_that_is_said(file):
    path = file([{"key": "a", "data": [1]}, {"key": "b", "data": [2]}])
    assert read_records(path, id_name="key").ids == ["a", "b"]
    assert read_records(path).ids is None
    with pytest.raises(InvalidInput, match="No record has the id column 'name'"):
        read_records(path, id_name="name")


def test_a_row_far_behind_is_named_by_its_number(file):
    rows = [{"data": [1], "attributes": {"a": 1}}] * 5000
    with pytest.raises(InvalidInput, match="row 5001, 'a'"):
        read_records(file([*rows, {"data": [1], "attributes": {"a": []}}]))


@pytest.mark.parametrize(("limit", "most"), [("LARGEST_BYTES", 50), ("MOST_RECORDS", 3), ("MOST_ATTRIBUTES", 3)])
def test_more_than_is_read_at_once_is_refused_with_a_format_that_takes_less(file, monkeypatch, limit, most):
    monkeypatch.setattr(records, limit, most)
    path = file([{"data": [1], "attributes": {"a": 1}}] * 4)
    with pytest.raises(TooLarge, match="libsvm"):
        read_records(path)


def test_a_record_is_not_longer_than_what_is_held_of_the_text(file, monkeypatch):
    monkeypatch.setattr("athanor.engine.readers.json_values.LARGEST_VALUE", 2_000_000)
    long = {"data": [1], "note": "y" * 5_000_000}
    with pytest.raises(InvalidInput, match="more than 2,000,000 characters"):
        read_records(file([{"data": [1]}, long]))


def test_halves_of_letters_are_refused(file):
    for record in ('{"data": [1], "id": "\\ud800"}', '{"data": [1], "attributes": {"a": "\\udc00"}}'):
        with pytest.raises(InvalidInput, match="half a letter"):
            read_records(file(record))


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


def test_what_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"data": [1], "id": "\xff"}]')
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_records(path)


def test_attributes_become_texts():
    assert attributes_of([{"a": 1, "b": 2.0, "c": None, "d": True}, None, {"a": "x"}]) == [
        {"a": "1", "b": "2", "d": "true"},
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
