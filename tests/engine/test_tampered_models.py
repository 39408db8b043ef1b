"""Models that somebody changed: refused in words whatever was done to them, and nothing in them is ever run.

The models are the golden ones, which have every family in them. A forger, who knows how a model is described, may give
it other contents that are sound; he may not make a process crash, hang, read what is not its own, or run his code.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from athanor.engine.models import FAMILIES, is_installed
from athanor.engine.problems import PROBLEMS
from athanor.engine.serving.model_files import FORMAT, SAFE_SUFFIXES, _seal, read_head
from athanor.engine.serving.predictor import Predictor
from athanor.errors import AthanorError, InvalidInput

GOLDEN = Path(__file__).parent.parent / "golden" / f"format-{FORMAT}"


def is_readable(place):
    return all(is_installed(FAMILIES[member["family"]]) for member in read_head(place / "model")["members"])


PLACES = sorted(place for place in GOLDEN.iterdir() if is_readable(place))
# One of each kind: those of other folds and problems are alike.
EVERY_FILE = sorted(
    {
        name: place.name
        for place in reversed(PLACES)
        for name in (*read_head(place / "model")["files"], "model.json")
        if "fold-1" not in name
    }.items()
)
FILES = [pytest.param(problem, name, id=f"{problem}/{name}") for name, problem in EVERY_FILE]


class Bomb:
    """Pickled, it writes a file where it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


@pytest.fixture
def marker(tmp_path):
    """The file that code hidden in a model would write. It is not there in the end."""
    yield tmp_path / "marker"
    assert not (tmp_path / "marker").exists()


@pytest.fixture
def copy(tmp_path):
    def make(problem):
        shutil.copytree(GOLDEN / problem / "model", tmp_path / "model")
        return tmp_path / "model"

    return make


def digest_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def forge(folder, change=lambda head: None):
    """Describe the model anew as it is now, as somebody can who knows how."""
    head = json.loads((folder / "model.json").read_text())
    del head["sha256"]
    head["files"] = {name: digest_of(folder / name) for name in head["files"] if (folder / name).is_file()}
    change(head)
    made_by = head.pop("format")
    (folder / "model.json").write_text(
        json.dumps({"format": made_by, **head, "sha256": _seal({"format": made_by, **head})})
    )


def refuse(folder, match=""):
    with pytest.raises(InvalidInput) as refused:
        Predictor.load(folder)
    assert re.search(match, str(refused.value))


def test_the_models_are_sound_as_they_are(copy):
    for place in PLACES:
        folder = copy(place.name)
        forge(folder)
        Predictor.load(folder).predict_rows(json.loads((place / "rows.json").read_text()))
        shutil.rmtree(folder)


# --- accidents, and edits by somebody who does not know the hashes ---------------------------------------------------------


@pytest.mark.parametrize(("problem", "name"), FILES)
def test_a_file_with_one_other_byte_is_refused(problem, name, copy):
    folder = copy(problem)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 0x01
    (folder / name).write_bytes(data)
    refuse(folder, "changed after it was made|is not a model's description")


@pytest.mark.parametrize(("problem", "name"), FILES)
def test_a_file_that_was_cut_off_is_refused(problem, name, copy):
    folder = copy(problem)
    data = (folder / name).read_bytes()
    for length in (0, len(data) // 2, len(data) - 1):
        (folder / name).write_bytes(data[:length])
        refuse(folder, "changed after it was made|is not a model's description")


@pytest.mark.parametrize(("name", "problem"), [each for each in EVERY_FILE if each[0] != "model.json"])
def test_a_file_that_is_gone_is_named(problem, name, copy):
    folder = copy(problem)
    (folder / name).unlink()
    refuse(folder, f"{name} is missing")


@pytest.mark.parametrize(("problem", "name"), FILES)
def test_a_pickle_in_the_place_of_a_file_is_refused_and_not_run(problem, name, copy, marker):
    folder = copy(problem)
    (folder / name).write_bytes(pickle.dumps(Bomb(marker)))
    refuse(folder, "changed after it was made|is not a model's description")


@pytest.mark.parametrize("name", ["model.pkl", "views/x.so", "models/linear/fold-0/setup.py", "x.joblib", "x.PKL", "x"])
def test_a_file_of_another_kind_beside_the_others_is_refused(name, copy, marker):
    folder = copy("binary")
    (folder / name).write_bytes(pickle.dumps(Bomb(marker)))
    refuse(folder, "A model may not hold the file")


EDITS = {
    "a greater share": lambda head: head["members"][0].update(share=0.9),
    "another family": lambda head: head["members"][0].update(family="linear"),
    "another score": lambda head: head.update(score=0.99),
    "fewer members": lambda head: head["members"].pop(),
    "another class": lambda head: head["classes"].reverse(),
    "a column less": lambda head: head["schema"].pop(),
    "a file less": lambda head: head["files"].popitem(),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_of_the_description_is_refused(edit, copy):
    folder = copy("binary")
    head = json.loads((folder / "model.json").read_text())
    edit(head)
    (folder / "model.json").write_text(json.dumps(head))
    refuse(folder, r"model\.json is not as it was written")


# --- a forger, who describes anew what he changed --------------------------------------------------------------------------


def as_pickle(path, marker):
    path.write_bytes(pickle.dumps(Bomb(marker)))


def as_text_pickle(path, marker):
    path.write_bytes(pickle.dumps(Bomb(marker), protocol=0))


def as_objects(path, marker):
    array = np.empty(1, object)
    array[0] = Bomb(marker)
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=True)


def as_nothing(path, marker):
    path.write_bytes(b"")


def as_half(path, marker):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def as_bytes(path, marker):
    path.write_bytes(bytes(range(256)) * 4)


def as_empty_object(path, marker):
    path.write_text("{}")


def as_deep_list(path, marker):
    path.write_text("[" * 100_000)


BROKEN = (as_pickle, as_text_pickle, as_objects, as_nothing, as_half, as_bytes, as_empty_object, as_deep_list)


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("name", "problem"), [each for each in EVERY_FILE if each[0] != "model.json"])
def test_broken_contents_are_refused_though_they_are_described(problem, name, broken, copy, marker):
    folder = copy(problem)
    broken(folder / name, marker)
    forge(folder)
    refuse(folder, "(is not|does not hold) .*Athanor wrote")


FORGERIES = {
    "a family that there is not": (lambda head: head["members"][0].update(family="oracle"), ""),
    "a family that is a module": (lambda head: head["members"][0].update(family="os:system"), ""),
    "a view that there is not": (lambda head: head["members"][0].update(view="beautiful"), ""),
    "a member without files": (lambda head: head["members"][0].update(folds=[7]), "no file of"),
    "a member without folds": (lambda head: head["members"][0].update(folds=[]), ""),
    "a trial outside of the folder": (lambda head: head["members"][0].update(trial="../../outside"), "no file of"),
    "a trial with a whole path": (lambda head: head["members"][0].update(trial="/etc"), "no file of"),
    "a fold that is a path": (lambda head: head["members"][0].update(folds=["../fold-0"]), "no file of"),
    "no members": (lambda head: head.update(members=[]), ""),
    "members that are none": (lambda head: head.update(members=7), ""),
    "a share that is a word": (lambda head: head["members"][0].update(share="all"), ""),
    "a share that is no number": (lambda head: head["members"][0].update(share=float("nan")), ""),
    "no task": (lambda head: head.pop("task"), ""),
    "a problem that there is not": (lambda head: head["task"].update(problem="magic"), ""),
    "a task with more to it": (lambda head: head["task"].update(wishes=3), ""),
    "a schema that is none": (lambda head: head.update(schema=[{"name": 7}]), ""),
    "a type that there is not": (lambda head: head["schema"][0].update(type="smell"), ""),
    "no classes": (lambda head: head.update(classes=[]), ""),
    "classes that are none": (lambda head: head.update(classes=7), ""),
    "a file with a path that leads out": (lambda head: head["files"].update({"../x.json": "0"}), "may not hold"),
    "a file with a whole path": (lambda head: head["files"].update({"/etc/x.json": "0"}), "may not hold"),
    "a pickle among the files": (lambda head: head["files"].update({"x.pkl": "0"}), "may not hold"),
    "files that are none": (lambda head: head.update(files=7), "is not a model's description"),
    "a format of the future": (lambda head: head.update(format=FORMAT + 1), f"reads 1 to {FORMAT}"),
}


@pytest.mark.parametrize(("change", "match"), FORGERIES.values(), ids=FORGERIES)
def test_a_description_that_makes_no_sense_is_refused(change, match, copy):
    folder = copy("binary")
    forge(folder, change)
    refuse(folder, match)


def test_a_model_of_a_family_that_is_another_is_refused(copy):
    """Its files are sound, and none of them is what that family wrote."""
    for family in {member["family"] for member in read_head(GOLDEN / "binary" / "model")["members"]} - {"linear"}:
        folder = copy("binary")

        def change(head, family=family):
            [member] = [member for member in head["members"] if member["family"] == family]
            member["family"] = "linear" if member["view"] != "scaled" else "lightgbm"

        forge(folder, change)
        refuse(folder)
        shutil.rmtree(folder)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("problem", PROBLEMS.names())
@pytest.mark.parametrize("shape", [(0,), (3,), (1, 1), (2, 2, 2), (100_000, 1)])
def test_arrays_of_another_shape_are_refused_when_they_are_read_or_do_no_harm(problem, shape, copy):
    rows = json.loads((GOLDEN / problem / "rows.json").read_text())
    for name in read_head(GOLDEN / problem / "model")["files"]:
        if name.endswith(".npy") and "fold-1" not in name:
            folder = copy(problem)
            np.save(folder / name, np.zeros(shape, np.load(folder / name, allow_pickle=False).dtype))
            forge(folder)
            with suppress(InvalidInput):
                model = Predictor.load(folder)
                assert len(model.predict_rows(rows)) == len(rows)
                assert model.importance()
            shutil.rmtree(folder)


# Whoever reads boosters trusts every number: these would crash a process, or keep it busy for ever.
BOOSTERS = {
    "a child that is no node": (r"left_child=-?\d+", "left_child=1000000"),
    "a leaf that there is not": (r"right_child=-?\d+", "right_child=-2000000"),
    "a way in a circle": (r"left_child=-?\d+", "left_child=0"),
    "a feature that there is not": (r"split_feature=\d+", "split_feature=1000000"),
    "a feature before the first": (r"split_feature=\d+", "split_feature=-5"),
    "more leaves than values": (r"num_leaves=\d+", "num_leaves=1000"),
    "fewer leaves than values": (r"num_leaves=\d+", "num_leaves=2"),
    "no leaves": (r"num_leaves=\d+", "num_leaves=0"),
    "a value that is none": (r"leaf_value=[^ \n]+", "leaf_value=nan"),
    "a value that is a word": (r"leaf_value=[^ \n]+", "leaf_value=x"),
    "categories that there are not": (r"num_cat=\d+", "num_cat=9"),
    "a leaf of a kind that has more to it": (r"num_cat=\d+", "num_cat=0\nis_linear=1"),
    "a line twice": (r"\nleft_child=(.*)", r"\nleft_child=\1\nleft_child=\1"),
    "a line that nobody knows": (r"\nleft_child=", "\nmiddle_child=1\nleft_child="),
    "more outputs": (r"num_tree_per_iteration=\d+", "num_tree_per_iteration=7"),
    "more features": (r"max_feature_idx=\d+", "max_feature_idx=100000"),
    "features without end": (r"max_feature_idx=\d+", "max_feature_idx=999999999"),
    "fewer features": (r"max_feature_idx=\d+", "max_feature_idx=0"),
    "an option without its value": (r"end of trees\n", "end of trees\n\nparameters:\n[sigmoid]\n\nend of parameters\n"),
    "trees of other sizes": (r"\nfeature_infos=", "\ntree_sizes=1 2 3\nfeature_infos="),
}
BOOSTER_FILES = [each for each in EVERY_FILE if each[0].endswith(".txt")]


@pytest.mark.parametrize(("pattern", "other"), BOOSTERS.values(), ids=BOOSTERS)
@pytest.mark.parametrize(("name", "problem"), BOOSTER_FILES)
def test_a_booster_that_leads_nowhere_is_refused_before_it_is_walked(problem, name, pattern, other, copy):
    folder = copy(problem)
    text = (folder / name).read_text()
    if "tree_sizes" in text:  # so that not the sizes alone tell
        text = re.sub(r"\ntree_sizes=.*", "", text)
    changed = re.sub(pattern, other, text)
    assert changed != text
    (folder / name).write_text(changed)
    forge(folder)
    refuse(folder, r"model\.txt is not what Athanor wrote")


def test_whatever_is_forged_a_model_answers_or_is_refused_in_words(copy, marker):
    """Bytes changed at random, and described: a process that crashed or hung would end this test."""
    rng = np.random.default_rng(3)
    rows = {place.name: json.loads((place / "rows.json").read_text()) for place in PLACES}
    n_refused = 0
    for _ in range(40):
        name, problem = EVERY_FILE[rng.integers(len(EVERY_FILE))]
        if name == "model.json":
            continue
        folder = copy(problem)
        data = bytearray((folder / name).read_bytes())
        for place in rng.integers(len(data), size=rng.integers(1, 4)):
            data[place] = rng.choice(np.frombuffer(b'0123456789-. "[]{}e,\n\x00\xff', np.uint8))
        (folder / name).write_bytes(data)
        forge(folder)
        try:
            Predictor.load(folder).predict_rows(rows[problem])
        except AthanorError:
            n_refused += 1
        shutil.rmtree(folder)
    assert n_refused > 5


def test_these_are_all_kinds_of_files_that_a_model_may_hold():
    """A new kind is looked at here before it is allowed: it is none that can hold code."""
    assert {".json", ".npy", ".txt"} == SAFE_SUFFIXES
