"""`athanor keys`: a key is printed alone, listed without its secret, and ends when it is revoked."""

import pytest


@pytest.fixture
def keys(athanor, tmp_path):
    return lambda *words: athanor("keys", *words, "--data", tmp_path / "data")


def test_a_new_key_is_alone_on_standard_output(keys):
    ended = keys("create", "laptop")
    assert ended.status == 0
    assert ended.out.startswith("ath_")
    assert len(ended.out.split()) == 1


def test_a_listed_key_shows_its_name_and_scopes_and_not_its_secret(keys):
    text = keys("create", "reader", "--scope", "data:read", "--scope", "predict", "--days", 7).out.strip()
    listed = keys("list").out
    assert "reader" in listed
    assert "data:read predict" in listed
    assert "active" in listed
    assert text not in listed
    assert text.split("_", 2)[2] not in listed


def test_a_key_of_another_user_is_listed_with_their_name(keys):
    keys("create", "laptop")
    assert keys("create", "notebook", "--user", "eva").out.startswith("ath_")
    keys("create", "second", "--user", "eva")
    owners = {line.split()[1]: line.split()[2] for line in keys("list").out.splitlines()[1:]}
    assert owners == {"laptop": "admin", "notebook": "eva", "second": "eva"}


def test_a_key_is_revoked_by_its_name(keys):
    keys("create", "laptop")
    assert keys("revoke", "laptop").status == 0
    assert "revoked" in keys("list").out


def test_of_two_keys_with_one_name_the_id_says_which(keys):
    keys("create", "twin")
    keys("create", "twin")
    refused = keys("revoke", "twin")
    assert refused.status == 2
    assert "2 keys are named 'twin'" in refused.err
    first = keys("list").out.splitlines()[1].split()[0]
    assert keys("revoke", first).status == 0
    assert keys("list").out.count("revoked") == 1


def test_a_key_that_is_not_there_cannot_be_revoked(keys):
    keys("create", "laptop")
    ended = keys("revoke", "ghost")
    assert ended.status == 2
    assert "No key has the id or the name 'ghost'" in ended.err


@pytest.mark.parametrize("words", [("list",), ("revoke", "laptop")])
def test_where_there_is_no_database_there_are_no_keys_and_no_folder_is_made(words, keys, tmp_path):
    ended = keys(*words)
    assert ended.status == 2
    assert f"There is no database in {tmp_path / 'data'}" in ended.err
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_is_a_file_is_told_in_one_line(keys, tmp_path):
    (tmp_path / "data").write_text("mine")
    ended = keys("create", "laptop")
    assert ended.status == 1
    assert ended.err == f"athanor: {tmp_path / 'data'}: a file is where a folder is needed. Name another place.\n"


def test_an_unknown_scope_is_refused_with_the_known_ones_and_makes_no_folder(keys, tmp_path):
    ended = keys("create", "x", "--scope", "everything")
    assert ended.status == 2
    assert "No scope 'everything'. Known: data:read" in ended.err
    assert not (tmp_path / "data").exists()
