"""`athanor profile`: a look at a file, printed, as a page or as JSON."""

import csv
import json
import random
import signal
from functools import partial

import pytest

from athanor.cli.endings import Endings

TOWNS = ("Ulm", "Bonn", "Kiel")


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    rng = random.Random(5)
    file = tmp_path_factory.mktemp("houses") / "houses.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["size", "town", "built", "price"])
        for row in range(200):
            size = rng.randint(20, 150)
            built = f"20{row % 20:02}-0{row % 9 + 1}-11"
            writer.writerow([size, TOWNS[row % 3], built if row % 4 else "", 1000 * size + rng.randint(0, 999)])
        stream.write("1,2\r\n")
    return file


def test_a_person_looks_at_a_file_and_gets_a_page(houses, tmp_path, run_process):
    page, bad = tmp_path / "page.html", tmp_path / "bad.csv"
    ended = run_process("profile", houses, "--target", "price", "--html", page, "--rejects", bad)
    assert (ended.status, ended.err) == (0, "")
    first, *lines = ended.out.splitlines()
    assert first.startswith(f"{houses}: 200 rows, 4 columns (csv, ")
    assert any("line 202 (2 fields where 4 are expected)" in line for line in lines)
    assert any(line.split()[:2] == ["size", "numeric"] and "1.00" in line for line in lines)
    assert any(line.split()[:2] == ["built", "datetime"] and "25 %" in line for line in lines)
    assert lines[-1].startswith(f"Page: {page} (")
    assert "\x1b" not in ended.out
    text = page.read_text()
    assert text.startswith("<!doctype html>")
    for name in ("size", "town", "built", "price"):
        assert f"<bdi>{name}</bdi>" in text
    [row] = csv.DictReader(bad.open())
    assert (row["line"], row["text"]) == ("202", "1,2")


def test_json_is_alone_on_standard_output(houses, athanor):
    ended = athanor("profile", houses, "--json")
    assert ended.status == 0, ended.err
    told = json.loads(ended.out)
    assert told["n_rows"] == 200
    assert [column["name"] for column in told["columns"]] == ["size", "town", "built", "price"]
    assert "200 rows" in ended.err


def test_a_page_may_go_to_standard_output(houses, run_process):
    ended = run_process("profile", houses, "--html", "-")
    assert ended.status == 0, ended.err
    assert ended.out.startswith("<!doctype html>")
    assert ended.out.rstrip().endswith("</html>")
    assert "200 rows" in ended.err


def test_a_sample_is_called_one(houses, athanor):
    ended = athanor("profile", houses, "--sample", 50)
    assert ended.status == 0, ended.err
    assert "All figures are of a sample of " in ended.out


def test_what_the_owner_knows_goes_before_what_is_found(tmp_path, athanor):
    file = tmp_path / "a.txt"
    file.write_text("x;y\n1,5;2\n2,5;3\n" * 5)
    ended = athanor("profile", file, "--no-header", "--delimiter", ";", "--json")
    assert json.loads(ended.out)["n_rows"] == 15


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "rent"), "No column named 'rent'. The columns are: size, town, built, price."),
        (("--delimiter", ";;"), "`delimiter` must be one ASCII character"),
        (("--format", "papyrus"), "No file format named 'papyrus'. Known: "),
        (("--encoding", "klingon"), "No encoding named 'klingon'"),
        (("--html", "/none/page.html"), "There is no folder /none for --html"),
        (("--json", "--html", "-"), "--json and --html - both want standard output"),
        (("--html", "one", "--rejects", "one"), "--html and --rejects are both one"),
        (("--sample", "0"), "--sample must be at least 1 row, got 0."),
    ],
)
def test_what_cannot_be_done_is_told_with_status_2(options, said, houses, athanor):
    ended = athanor("profile", houses, *options)
    assert ended.status == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_the_file_that_is_read_is_not_written_over(houses, athanor):
    before = houses.read_bytes()
    for option in ("--html", "--rejects"):
        ended = athanor("profile", houses, option, houses)
        assert ended.status == 2
        assert "which would be lost" in ended.err
    assert houses.read_bytes() == before


def test_nothing_stays_in_the_temporary_folder(houses, tmp_path, athanor, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert athanor("profile", houses).status == 0
    assert athanor("profile", houses, "--target", "rent").status == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_rows_behind(number, houses, tmp_path, athanor, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def write_some_rows(_file, folder, **_options):
        (folder / "00000.parquet").write_bytes(b"rows")
        signal.raise_signal(number)

    left = []

    def end(status):
        left.append(list(tmp_path.iterdir()))
        raise SystemExit(status)

    monkeypatch.setattr("athanor.engine.readers.segmenting.write_segments", write_some_rows)
    monkeypatch.setattr("athanor.cli.profile.Endings", partial(Endings, end=end))
    ended = athanor("profile", houses)
    assert ended.status == 128 + number
    assert ended.out == ""
    assert left == [[]]


def test_a_terminal_that_cannot_show_a_name_gets_what_it_can(tmp_path, run_process, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("Größe,b\n" + "".join(f"{row},{row % 3}\n" for row in range(50)))
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    ended = run_process("profile", file)
    assert ended.status == 0, ended.err
    assert "Gr??e" in ended.out
    told = json.loads(run_process("profile", file, "--json").out)
    assert told["columns"][0]["name"] == "Größe"
