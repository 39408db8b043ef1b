"""What the owner of a file says about it reaches the reader."""

import zipfile

import pytest
import typer

from athanor.cli.main import app
from athanor.cli.reading_options import reader_options
from athanor.engine.readers import READERS, ReaderOptions

NONE = dict.fromkeys(("format", "delimiter", "quote", "encoding", "header", "decimal", "sheet", "member", "dim"))


def test_what_is_not_said_is_left_to_the_reader():
    assert reader_options(**NONE) == ReaderOptions()


def test_every_option_reaches_the_reader():
    said = {
        "format": "csv",
        "delimiter": ";",
        "quote": "'",
        "encoding": "cp1252",
        "header": False,
        "decimal": ",",
        "sheet": "2024",
        "member": "a.csv",
        "dim": 3,
    }
    known = said | {"has_header": said["header"]}
    del known["header"]
    assert reader_options(**said) == ReaderOptions(**known)


@pytest.mark.parametrize("spelled", ["\t", r"\t", "tab"])
def test_a_tab_may_be_spelled(spelled):
    assert reader_options(**NONE | {"delimiter": spelled}).delimiter == "\t"


@pytest.mark.parametrize("command", ["train", "predict", "profile"])
def test_every_command_that_reads_a_table_has_them_all(command):
    options = {each.name: each for each in typer.main.get_command(app).commands[command].params}
    assert options.keys() >= NONE.keys()
    assert all(name in options["format"].help for name in READERS.names())


def test_training_and_predicting_read_as_they_are_told(classifier, tmp_path, athanor):
    both = tmp_path / "both.zip"
    with zipfile.ZipFile(both, "w") as archive:
        archive.write(classifier.file, "flats.csv")
        archive.writestr("other.csv", "a,b\n1,2\n")
    assert athanor("predict", classifier.model, both).status == 2
    told = athanor("predict", classifier.model, both, "--member", "flats.csv")
    assert told.out == athanor("predict", classifier.model, classifier.file).out
    ended = athanor("train", both, "--target", "dear", "--member", "other.csv", "--out", tmp_path / "model")
    assert (ended.status, "No column named 'dear'. The columns are: a, b." in ended.err) == (2, True)
