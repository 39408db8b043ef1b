"""A model as one file: whole, the same bytes for the same model, and nothing believed of it when it comes back."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from athanor.engine.disk import sha256_of
from athanor.engine.serving import model_archive, model_files
from athanor.engine.serving.model_archive import export_model, import_model, open_model
from athanor.engine.serving.model_files import read_head, write_head
from athanor.errors import InvalidInput, NotFound, TooLarge

WEIGHTS, VIEW = "models/t/fold-0/weights.npy", "views/codes/fold-0/view.json"


@pytest.fixture
def model(tmp_path):
    """A folder with what a model has: files, their description, and what tells of the model."""
    folder = tmp_path / "model"
    for name in (WEIGHTS, VIEW):
        (folder / name).parent.mkdir(parents=True)
    np.save(folder / WEIGHTS, np.arange(300.0))
    (folder / VIEW).write_text("{}")
    write_head(folder, {"score": 0.5}, sha256_of(folder))
    (folder / "leaderboard.json").write_text("[]")
    return folder


@pytest.fixture
def exported(model, tmp_path):
    export_model(model, tmp_path / "m.athanor")
    return tmp_path / "m.athanor"


def everything(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def contents(file):
    """Name → bytes, in the order of the archive."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_zip(file, files, *, method=zipfile.ZIP_DEFLATED):
    """An archive of (name or entry, bytes)."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)


def refused(file, tmp_path, match, kind=InvalidInput):
    """Neither unpacked nor opened, and nothing is left behind."""
    before = everything(tmp_path)
    with pytest.raises(kind, match=match):
        import_model(file, tmp_path / "unpacked")
    with pytest.raises(kind, match=match):
        open_model(file)
    assert everything(tmp_path) == before


@pytest.fixture(autouse=True)
def temporary_files(tmp_path, monkeypatch):
    """Where the system puts temporary files: nothing is left there either."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


# --- out and in ---------------------------------------------------------------------------------------------------------


def test_a_model_comes_back_as_it_was(model, exported, tmp_path):
    import_model(exported, tmp_path / "unpacked")
    assert sha256_of(tmp_path / "unpacked") == sha256_of(model)


def test_the_same_model_gives_the_same_bytes_wherever_and_whenever_it_stands(model, exported, tmp_path):
    shutil.copytree(model, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*"):
        path.chmod(0o700)
        os.utime(path, (10**9, 10**9))
    export_model(tmp_path / "copy", tmp_path / "again.athanor")
    import_model(exported, tmp_path / "unpacked")
    export_model(tmp_path / "unpacked", tmp_path / "third.athanor")
    assert (
        exported.read_bytes() == (tmp_path / "again.athanor").read_bytes() == (tmp_path / "third.athanor").read_bytes()
    )


def test_an_archive_holds_what_is_described_with_leaderboard_and_scores_and_nothing_else(model, exported, tmp_path):
    (model / "left_over.txt").write_text("nobody knows")
    (model / "scores.json").write_text("{}")
    export_model(model, tmp_path / "more.athanor")
    assert list(contents(exported)) == ["leaderboard.json", "model.json", WEIGHTS, VIEW]
    assert list(contents(tmp_path / "more.athanor")) == ["leaderboard.json", "model.json", WEIGHTS, "scores.json", VIEW]


def test_a_file_that_is_there_is_replaced_only_when_that_was_said(model, tmp_path):
    file = tmp_path / "m.athanor"
    export_model(model, file)
    first = file.stat().st_ino
    with pytest.raises(InvalidInput, match="exists already"):
        export_model(model, file)
    assert file.stat().st_ino == first
    export_model(model, file, replace=True)
    assert file.stat().st_ino != first
    assert "model.json" in contents(file)
    file.write_text("mine")
    with pytest.raises(InvalidInput, match="Only an exported model is replaced"):
        export_model(model, file, replace=True)
    assert file.read_text() == "mine"
    with pytest.raises(InvalidInput, match="is a folder"):
        export_model(model, tmp_path, replace=True)


def test_what_others_may_do_with_the_file_is_as_with_every_file(exported, tmp_path):
    (tmp_path / "other").touch()
    assert stat.S_IMODE(exported.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_a_full_disk_leaves_the_file_that_was_there_and_nothing_beside_it(model, exported, tmp_path, monkeypatch):
    before, there = exported.read_bytes(), everything(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_archive.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        export_model(model, exported, replace=True)
    assert exported.read_bytes() == before
    assert everything(tmp_path) == there


def test_a_disk_that_is_full_in_the_middle_leaves_no_half_of_a_model(exported, tmp_path, monkeypatch):
    before = everything(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_archive, "sync_tree", full)
    with pytest.raises(OSError, match="No space left"):
        import_model(exported, tmp_path / "unpacked")
    assert everything(tmp_path) == before


def test_what_is_no_model_or_was_changed_is_not_exported(model, tmp_path):
    with pytest.raises(NotFound, match="There is no model"):
        export_model(tmp_path, tmp_path / "m.athanor")
    (model / VIEW).write_text("[]")
    with pytest.raises(InvalidInput, match="changed after it was made"):
        export_model(model, tmp_path / "m.athanor")
    assert not (tmp_path / "m.athanor").exists()


def test_an_empty_folder_may_take_a_model_and_a_place_that_is_taken_is_left_alone(exported, tmp_path):
    (tmp_path / "unpacked").mkdir()
    import_model(exported, tmp_path / "unpacked")
    before = sha256_of(tmp_path / "unpacked")
    for place in (tmp_path / "unpacked", exported):
        with pytest.raises(InvalidInput, match="exists and is not empty"):
            import_model(exported, place)
    assert sha256_of(tmp_path / "unpacked") == before


def test_an_archive_is_opened_for_as_long_as_it_is_held(model, exported, temporary_files):
    folder, keep = open_model(exported)
    assert read_head(folder) == read_head(model)
    assert folder.is_relative_to(temporary_files)
    keep.cleanup()
    assert everything(temporary_files) == set()


def test_a_folder_is_opened_where_it_stands(model, tmp_path):
    assert open_model(model) == (model, None)
    assert open_model(tmp_path / "nowhere") == (
        tmp_path / "nowhere",
        None,
    )  # whoever reads it says that it is not there


# --- what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip archive", b"PK\x03\x04" + bytes(100), bytes(10_000)])
def test_a_file_that_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "m.athanor").write_bytes(data)
    refused(tmp_path / "m.athanor", tmp_path, r"m\.athanor is no model that Athanor exported")


def test_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no file"):
        import_model(tmp_path / "m.athanor", tmp_path / "unpacked")


def test_wherever_an_archive_is_cut_off_it_is_refused(exported, tmp_path):
    whole = exported.read_bytes()
    cut = tmp_path / "cut.athanor"
    for length in range(0, len(whole), 13):
        cut.write_bytes(whole[:length])
        with pytest.raises(InvalidInput, match="is no model that Athanor exported"):
            import_model(cut, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_whatever_byte_is_flipped_no_other_model_comes_of_it(model, exported, tmp_path):
    """Some bytes say nothing, such as times: then the model is the one that it was."""
    whole, expected = exported.read_bytes(), sha256_of(model)
    flipped, unpacked = tmp_path / "flipped.athanor", tmp_path / "unpacked"
    for place in range(0, len(whole), 3):
        flipped.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            import_model(flipped, unpacked)
        except (InvalidInput, TooLarge):
            assert not unpacked.exists()
        else:
            found = sha256_of(unpacked)
            shutil.rmtree(unpacked)
            assert found == expected
    assert not list(tmp_path.glob(".*"))


BAD_NAMES = [
    *("../x.json", "/etc/x.json", "models/../../x.json", "models\\..\\x.json", "C:/x.json", "./x.json", "a//b.json"),
    *("model.pkl", "models/run.py", "models/library.so", "model.npy.pkl", "no_suffix", "größe.json", "a\n.json"),
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_outside_or_of_a_kind_that_can_hold_code_is_refused(exported, tmp_path, name):
    write_zip(exported, [*contents(exported).items(), (name, b"{}")])
    refused(exported, tmp_path, "A model may not hold the file")
    assert not (tmp_path.parent / "x.json").exists()


def test_a_name_that_ends_early_for_some_is_refused(exported, tmp_path):
    """The library that reads it would take what stands before the NUL for the name."""
    write_zip(exported, [*contents(exported).items(), ("xxxxxx.json@.py", b"{}")])
    exported.write_bytes(exported.read_bytes().replace(b"xxxxxx.json@.py", b"xxxxxx.json\x00.py"))
    refused(exported, tmp_path, "A model may not hold the file")


def test_a_folder_or_a_link_in_an_archive_is_refused(exported, tmp_path):
    files = contents(exported)
    write_zip(exported, [*files.items(), ("models/", b"")])
    refused(exported, tmp_path, "A model may not hold the file 'models/'")
    link = zipfile.ZipInfo("link.json")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    write_zip(exported, [*files.items(), (link, b"/etc/passwd")])
    refused(exported, tmp_path, "'link.json' is a link or something else than a file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_refused(exported, tmp_path):
    files = contents(exported)
    write_zip(exported, [*files.items(), (VIEW, b"[]")])
    refused(exported, tmp_path, "view.json' twice")
    write_zip(exported, [*files.items(), (VIEW.replace("codes", "Codes"), b"[]")])
    refused(exported, tmp_path, "view.json' twice")


def test_a_name_that_is_a_file_and_a_folder_is_refused(exported, tmp_path):
    write_zip(exported, [*contents(exported).items(), (f"{VIEW}/more.json", b"[]")])
    refused(exported, tmp_path, "is a file and a folder")


def test_a_file_too_many_and_one_too_few_are_named(exported, tmp_path):
    files = contents(exported)
    write_zip(exported, [*files.items(), ("models/more.json", b"[]")])
    refused(exported, tmp_path, r"it holds models/more\.json, which model\.json does not name")
    write_zip(exported, [(name, data) for name, data in files.items() if name != WEIGHTS])
    refused(exported, tmp_path, f"{WEIGHTS} is missing")
    write_zip(exported, [(name, data) for name, data in files.items() if name != "model.json"])
    refused(exported, tmp_path, r"model\.json is missing")


def test_other_contents_are_found_out(exported, tmp_path):
    files = contents(exported)
    write_zip(exported, [(name, b"[]" if name == VIEW else data) for name, data in files.items()])
    refused(exported, tmp_path, f"{VIEW} has other contents than it was made with")
    edited = json.dumps(json.loads(files["model.json"]) | {"score": 0.9})
    write_zip(
        exported, [*((name, data) for name, data in files.items() if name != "model.json"), ("model.json", edited)]
    )
    refused(exported, tmp_path, r"The model in .*m\.athanor was changed after it was made")


def test_a_pickle_that_is_described_as_an_array_is_refused(model, exported, tmp_path):
    (model / WEIGHTS).write_bytes(b"cos\nsystem\n(S'touch marker'\ntR.")
    head = read_head(model)
    head["files"] = {name: sha256_of(model)[name] for name in head["files"]}
    (model / "model.json").write_text(json.dumps({**head, "sha256": model_files._seal(head)}))
    write_zip(exported, [(name, (model / name).read_bytes()) for name in contents(exported)])
    before = everything(tmp_path)
    with pytest.raises(InvalidInput, match=r"m\.athanor.*weights\.npy is not what Athanor wrote"):
        import_model(exported, tmp_path / "unpacked")
    assert everything(tmp_path) == before


def test_an_encrypted_file_is_refused(exported, tmp_path):
    data = bytearray(exported.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    exported.write_bytes(data)
    refused(exported, tmp_path, "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_method_of_compression_that_nobody_uses_is_refused(exported, tmp_path, method):
    write_zip(exported, contents(exported).items(), method=method)
    refused(exported, tmp_path, "compressed by a method")


def test_files_that_are_not_compressed_are_taken(model, exported, tmp_path):
    write_zip(exported, contents(exported).items(), method=zipfile.ZIP_STORED)
    import_model(exported, tmp_path / "unpacked")
    assert sha256_of(tmp_path / "unpacked") == sha256_of(model)


def test_an_archive_that_grows_beyond_measure_is_refused_before_it_is_unpacked(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "_SMALL", 10**5)
    write_zip(exported, [*contents(exported).items(), ("models/zeros.txt", bytes(10**6))])
    refused(exported, tmp_path, "unpacks to 1,00.,... bytes, more than 50 times its size", TooLarge)


def test_a_description_beyond_measure_is_refused_before_it_is_read(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(model_archive, "_MOST_HEAD", 100)
    refused(exported, tmp_path, r"a model\.json of .* bytes; 100 are allowed", TooLarge)


def test_a_file_that_is_longer_than_the_list_says_gives_no_more_bytes_than_that(exported, tmp_path):
    """So that a list that tells of little cannot let much out."""
    files = contents(exported)
    write_zip(exported, [*files.items(), ("scores.json", b"[" + bytes(100_000) + b"]")])
    data = exported.read_bytes()
    place = data.rindex(b"PK\x01\x02", 0, data.rindex(b"scores.json"))
    exported.write_bytes(data[: place + 24] + (10).to_bytes(4, "little") + data[place + 28 :])
    refused(exported, tmp_path, "is damaged or was cut off")


def test_more_files_than_a_model_has_are_not_even_listed(exported, tmp_path, monkeypatch):
    write_zip(exported, [(f"{n}.json", b"{}") for n in range(200)])
    monkeypatch.setattr(model_archive, "_MOST_FILES", 150)
    monkeypatch.setattr(model_archive.zipfile, "ZipFile", None)
    refused(exported, tmp_path, "it lists 200 files; 150 are allowed")


def test_the_longer_record_of_large_archives_is_counted_as_well(tmp_path):
    """It counts for the library, whatever the short one says."""
    short = b"PK\x05\x06" + bytes(18)
    long = b"PK\x06\x06" + (44).to_bytes(8, "little") + bytes(12) + 2 * (10**6).to_bytes(8, "little") + bytes(16)
    locator = b"PK\x06\x07" + bytes(4) + (0).to_bytes(8, "little") + (1).to_bytes(4, "little")
    (tmp_path / "m.athanor").write_bytes(long + locator + short)
    refused(tmp_path / "m.athanor", tmp_path, "it lists 1,000,000 files")


def test_a_large_archive_with_the_longer_record_is_taken(model, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    export_model(model, exported, replace=True)
    monkeypatch.undo()
    assert b"PK\x06\x07" in exported.read_bytes()[-42:]
    import_model(exported, tmp_path / "unpacked2")
    assert sha256_of(tmp_path / "unpacked2") == sha256_of(model)


def test_an_archive_is_a_plain_zip_file_for_everybody_else(model, exported):
    with zipfile.ZipFile(io.BytesIO(exported.read_bytes())) as archive:
        assert archive.testzip() is None
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert json.loads(archive.read("model.json")) == json.loads((Path(model) / "model.json").read_text())
