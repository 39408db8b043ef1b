"""What a command writes is whole, or not there."""

import errno

import pytest

from athanor.cli.output_files import check_output, whole_file
from athanor.errors import InvalidInput, NotFound


def test_a_file_gets_its_name_when_it_is_whole(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    with whole_file(out) as unfinished:
        unfinished.write_text("new")
        assert out.read_text() == "old"
    assert out.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_what_fails_leaves_what_was_there_and_names_the_file(tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")

    def fill_the_disk():
        with whole_file(out) as unfinished:
            unfinished.write_text("new")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as told:
        fill_the_disk()
    assert told.value.filename == str(out)
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_what_is_read_is_never_written_over(tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("a\n1\n")
    (tmp_path / "same.csv").symlink_to(rows)
    with pytest.raises(InvalidInput, match=r"--html .*same.csv is the file with the rows"):
        check_output(tmp_path / "same.csv", rows, option="html")


def test_a_folder_is_no_file_and_a_folder_that_is_not_there_is_not_made(tmp_path):
    rows = tmp_path / "rows.csv"
    with pytest.raises(InvalidInput, match="is a folder"):
        check_output(tmp_path, rows, option="out")
    with pytest.raises(NotFound, match="There is no folder"):
        check_output(tmp_path / "none" / "out.csv", rows, option="out")
    check_output(tmp_path / "out.csv", rows, option="out")
