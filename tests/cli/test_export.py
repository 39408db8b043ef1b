"""`athanor export` and `athanor import`: a model as one file, and back."""

from __future__ import annotations

import pytest

from athanor.engine.disk import sha256_of


@pytest.fixture
def exported(classifier, athanor, tmp_path):
    out = tmp_path / "dear.athanor"
    ended = athanor("export", classifier.model, out)
    assert ended.status == 0, ended.err
    return out


def test_a_model_goes_into_one_file_and_comes_out_as_it_was(classifier, exported, athanor, tmp_path):
    ended = athanor("import", exported, tmp_path / "dear")
    assert ended.status == 0, ended.err
    assert ended.out.startswith(f"Model: {tmp_path / 'dear'} (")
    assert sha256_of(tmp_path / "dear") == sha256_of(classifier.model)


def test_the_file_answers_as_the_folder_does(classifier, exported, athanor):
    expected = athanor("predict", classifier.model, classifier.file, "--proba")
    ended = athanor("predict", exported, classifier.file, "--proba")
    assert (ended.status, ended.out) == (0, expected.out)
    assert athanor("leaderboard", exported).out == athanor("leaderboard", classifier.model).out


def test_file_and_folder_are_named_after_each_other(classifier, athanor, tmp_path, monkeypatch):
    (tmp_path / "dear").symlink_to(classifier.model)
    monkeypatch.chdir(tmp_path)
    assert athanor("export", "dear").out.startswith("Model: dear.athanor (")
    (tmp_path / "dear").unlink()
    assert athanor("import", "dear.athanor").out.startswith("Model: dear (")
    assert sha256_of(tmp_path / "dear") == sha256_of(classifier.model)
    monkeypatch.chdir(tmp_path / "dear")
    assert athanor("export", ".", "--replace").out.startswith(f"Model: {tmp_path / 'dear.athanor'} (")


def test_a_file_that_is_there_is_written_over_only_with_replace(classifier, exported, athanor):
    before = exported.read_bytes()
    made = exported.stat().st_ino
    ended = athanor("export", classifier.model, exported)
    assert ended.status == 2
    assert "--replace" in ended.err
    assert exported.stat().st_ino == made
    assert athanor("export", classifier.model, exported, "--replace").status == 0
    assert exported.stat().st_ino != made
    assert exported.read_bytes() == before


def test_with_replace_too_nothing_is_written_over_but_an_exported_model(classifier, exported, athanor, tmp_path):
    table, link = tmp_path / "table.csv", tmp_path / "link.athanor"
    table.write_text("a,b\n1,2\n")
    link.symlink_to(exported)
    for place, told in ((table, "Only an exported model is replaced"), (link, "is a link"), ("/dev/null", "a device")):
        ended = athanor("export", classifier.model, place, "--replace")
        assert ended.status == 2
        assert told in ended.err
    assert table.read_text() == "a,b\n1,2\n"
    assert link.is_symlink()


def test_an_archive_is_not_exported_again(exported, athanor):
    ended = athanor("export", exported)
    assert ended.status == 2
    assert "is an exported model already" in ended.err


def test_a_folder_that_is_taken_stays_as_it_is(classifier, exported, athanor):
    ended = athanor("import", exported, classifier.model)
    assert ended.status == 2
    assert "exists and is not empty" in ended.err


def test_the_folder_where_one_is_would_be_gone_for_the_shell(exported, athanor, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    ended = athanor("import", exported, ".")
    assert ended.status == 2
    assert "Name a new one" in ended.err


def test_places_that_are_not_there_are_named(classifier, exported, athanor, tmp_path):
    nowhere = tmp_path / "nowhere"
    for words in (("export", classifier.model, nowhere / "x.athanor"), ("import", exported, nowhere / "x")):
        ended = athanor(*words)
        assert ended.status == 2
        assert f"There is no folder {nowhere}" in ended.err
    assert athanor("export", nowhere).status == 2
    assert athanor("import", nowhere, tmp_path / "x").status == 2


def test_without_its_ending_a_file_does_not_name_a_folder(exported, athanor, tmp_path):
    exported.rename(tmp_path / "dear.zip")
    ended = athanor("import", tmp_path / "dear.zip")
    assert ended.status == 2
    assert "name the folder as well" in ended.err


def test_what_is_no_model_is_refused_in_one_line(flats, athanor, tmp_path):
    for words in (("import", flats, tmp_path / "x"), ("predict", flats, flats), ("leaderboard", flats)):
        ended = athanor(*words)
        assert ended.status == 2
        assert "is no model that Athanor exported" in ended.err
        assert len(ended.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
