"""Keys told by looking: a key that is told is one that a reader of the whole body would find there."""

import json

import pytest

from athanor.api.dialects.vecml import keys
from athanor.api.dialects.vecml.keys import key_in_form, key_in_json


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"user_api_key": "ath_x", "a": 1}', "ath_x"),
        ('{"a": 1,\n "user_api_key"\n:\t"ath_x"}', "ath_x"),
        ('{"user_api_key": "ath_x", "deep": {"user_api_key": "ath_x"}}', "ath_x"),
        ('{"user_api_key": "ath_x", "note": "\\"user_api_key\\": \\"y\\""}', "ath_x"),
        ('{"user_api_key": "ä"}', "ä"),
        ('{"user_api_key": ""}', ""),
        ('{"user_api_key": "ath_x", "user_api_key": "ath_y"}', None),
        ('{"user_api_key": "ath_x", "deep": {"user_api_key": "ath_y"}}', None),
        ('{"user_api_key": "ath\\u005fx"}', None),
        ('{"user_\\u0061pi_key": "ath_x"}', None),
        ('{"user_api_key": 5}', None),
        ('{"user_api_key": "' + "x" * 10_000 + '"}', None),
        ('{"user_api_key": "ath_', None),
        ("", None),
    ],
)
def test_the_key_is_told_where_it_stands_plainly_and_once(text, key):
    assert key_in_json(text.encode()) == key
    assert key_in_json(memoryview(text.encode())) == key


@pytest.mark.parametrize("n_bytes", range(90, 130))
def test_it_does_not_matter_where_the_body_is_cut_for_looking(n_bytes, monkeypatch):
    monkeypatch.setattr(keys, "_PART", 100)
    monkeypatch.setattr(keys, "_LONGEST", 60)
    assert key_in_json(json.dumps({"a": "x" * n_bytes, "user_api_key": "ath_x", "b": "x" * 300}).encode()) == "ath_x"
    assert key_in_json(b" " * n_bytes + b'"\\"user_api_key": "ath_x"') is None


@pytest.mark.parametrize("extra", ["", "Content-Type: text/plain; charset=utf-8\r\n"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_the_key_of_a_form_is_told_from_what_has_come_of_it(extra, quote):
    head = f"--b\r\nContent-Disposition: form-data; name={quote}user_api_key{quote}\r\n{extra}\r\nath_x\r\n--b\r\n"
    assert key_in_form(head.encode()) == "ath_x"
    assert key_in_form(head.encode() * 2) == "ath_x"
    assert key_in_form((head + head.replace("ath_x", "ath_y")).encode()) is None
    assert key_in_form(head.partition("\r\n--b\r\n")[0].encode()) is None  # it may go on
