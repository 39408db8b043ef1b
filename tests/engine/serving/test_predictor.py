"""The model that answers: loaded from files alone, chunk by chunk, with the same bits for a row wherever it stands."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from athanor.engine.fitting.checkpoint import FolderCheckpoints
from athanor.engine.learn import learn
from athanor.engine.plan import Plan
from athanor.engine.processes.pool import InlinePool
from athanor.engine.serving import predictor as predicting
from athanor.engine.serving.model_files import _seal, memory_of, read_head
from athanor.engine.serving.predictor import Predictor
from athanor.engine.serving.predictor_files import write_predictor
from athanor.engine.tables.dataset import Dataset, Numbers, Vectors, Words
from athanor.engine.tables.schema import ColumnSchema, ColumnType, Schema, Storage
from athanor.engine.target_distribution import TargetDistribution
from athanor.engine.task import Task
from athanor.errors import InvalidInput, NotFound

PLAN = Plan(time_limit_s=None, max_trials=2, preset="medium_quality", seed=3)


@pytest.fixture(scope="module")
def table():
    """Two numbers and a category, with holes, and a target that depends on all of them."""
    rng = np.random.default_rng(5)
    size, age, colour = rng.normal(size=60), rng.uniform(0, 100, 60), rng.integers(-1, 3, 60)
    signal = size + (age > 50) + (colour == 0)
    columns = {
        "size": (Numbers(np.where(rng.random(60) < 0.1, np.nan, size)), ColumnType.NUMERIC, Storage.FLOAT),
        "age": (Numbers(age), ColumnType.NUMERIC, Storage.FLOAT),
        "colour": (Words(colour.astype(np.int32), ("red", "green", "blue")), ColumnType.CATEGORICAL, Storage.STRING),
        "target": (Words((signal > 1).astype(np.int32), ("no", "yes")), ColumnType.CATEGORICAL, Storage.STRING),
    }
    schema = Schema(tuple(ColumnSchema(name=name, type=kind, storage=how) for name, (_, kind, how) in columns.items()))
    return Dataset(schema, {name: column for name, (column, _, _) in columns.items()}, 60)


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """The folder of a run of two families: its checkpoints, and its model."""
    folder = tmp_path_factory.mktemp("run")
    learn(table, Task(target="target"), PLAN, pool=InlinePool(), checkpoints=FolderCheckpoints(folder))
    return folder


@pytest.fixture(scope="module")
def whole(run, table):
    """A model of both trials, whatever the run has chosen."""
    store = FolderCheckpoints(run)
    head = read_head(store.incumbent())
    trials = sorted({record.trial for record in store.finished()})
    folder = run / "whole"
    folder.mkdir()
    write_predictor(
        folder,
        store,
        task=Task.from_json(head["task"]),
        schema=Schema.from_json(head["schema"]),
        classes=tuple(head["classes"]),
        score=0.75,
        shares={trials[0]: 0.25, trials[1]: 0.75},
        records=[record for record in store.finished() if record.fold < 3],  # without those of all rows
    )
    return folder


@pytest.fixture(scope="module")
def model(whole):
    return Predictor.load(whole)


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def forge(folder, change):
    """Another description, by someone who knows how it is sealed."""
    head = read_head(folder)
    change(head)
    (folder / "model.json").write_text(json.dumps({**head, "sha256": _seal(head)}))


def without(table, *names):
    return table.select([name for name in table.schema.names if name not in names])


def replaced(table, name, column, storage):
    """The table with another column in the place of `name`."""
    columns = tuple(
        ColumnSchema(name=name, type=ColumnType.CATEGORICAL, storage=storage) if found.name == name else found
        for found in table.schema.columns
    )
    return Dataset(Schema(columns), {**table.columns, name: column}, table.n_rows)


# --- what a model says of itself ----------------------------------------------------------------------------------------


def test_a_model_says_what_it_is(model, whole):
    assert (model.problem, model.metric, model.score, model.classes) == ("binary", "roc_auc", 0.75, ("no", "yes"))
    assert model.schema.names == ("size", "age", "colour")
    assert model.task.target == "target"
    assert model.size_bytes == memory_of(whole, read_head(whole))
    assert {member.family: member.share for member in model.members} == {"linear": 0.25, "lightgbm": 0.75}
    assert [len(member.folds) for member in model.members] == [3, 3]


def test_its_description_names_the_versions_that_made_it(whole):
    assert {"python", "athanor", "lightgbm", "numpy"} <= set(read_head(whole)["versions"])


def test_every_file_of_a_model_is_described(whole):
    files = {str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file()}
    assert files == {*read_head(whole)["files"], "model.json"}


# --- what it answers --------------------------------------------------------------------------------------------------


def test_a_model_is_the_blend_of_its_members_bags(model, table):
    features = predicting.conform(table, model.schema)
    answers = []
    for member in model.members:
        margins = [fold.model.margins(model.views.fitted[fold.view].transform(features)) for fold in member.folds]
        answers.append(1 / (1 + np.exp(-np.mean(margins, axis=0)[:, 0])))
    expected = sum(member.share * answer for member, answer in zip(model.members, answers, strict=True))
    assert model.predict(table).probabilities[:, 1] == pytest.approx(expected)


@pytest.mark.parametrize("cores", [1, 5])
@pytest.mark.parametrize("chunk", [1, 7, 59, 60])
def test_the_bits_of_a_row_do_not_depend_on_the_chunks(model, table, chunk, cores, monkeypatch):
    expected = model.predict(table)
    monkeypatch.setattr(predicting, "MOST_ROWS", chunk)
    monkeypatch.setattr(predicting.memory, "cores", lambda: cores)
    answers = model.predict(table)
    assert np.array_equal(answers.probabilities, expected.probabilities)
    assert answers.labels() == expected.labels()
    assert answers.classes == expected.classes


def test_no_rows_get_no_answers(model, table):
    answers = model.predict(table.take(np.arange(0)))
    assert len(answers) == 0
    assert answers.labels() == []
    assert answers.probabilities.shape == (0, 2)
    assert len(model.predict_rows([])) == 0


def test_columns_that_training_did_not_see_are_ignored(model, table):
    expected = model.predict(table).probabilities
    assert np.array_equal(model.predict(without(table, "target")).probabilities, expected)
    swapped = table.select(["target", "colour", "age", "size"])
    assert np.array_equal(model.predict(swapped).probabilities, expected)


def test_a_column_that_is_not_there_is_missing_in_every_row(model, table):
    nothing = Numbers(np.full(table.n_rows, np.nan))
    expected = model.predict(replaced(table, "age", nothing, Storage.FLOAT)).probabilities
    assert np.array_equal(model.predict(without(table, "age")).probabilities, expected)


def test_a_category_that_training_did_not_see_is_unknown_and_no_error(model, table):
    violet = Words.of(["violet"] * table.n_rows)
    answers = model.predict(replaced(table, "colour", violet, Storage.STRING))
    assert np.isfinite(answers.probabilities).all()


def test_a_row_that_says_nothing_gets_an_answer(model):
    answers = model.predict_rows([{}, {"size": None, "nobody knows": [1]}])
    assert np.isfinite(answers.probabilities).all()
    assert np.array_equal(answers.probabilities[0], answers.probabilities[1])


def test_a_table_of_something_else_is_refused(model, table):
    with pytest.raises(
        InvalidInput, match="None of the columns that this model was trained on is there: size, age, co"
    ):
        model.predict(without(table, "size", "age", "colour"))
    with pytest.raises(InvalidInput, match="None of the columns"):
        model.predict_rows([{"price": 1}, {}])


def test_a_cell_that_cannot_be_is_named(model, table):
    with pytest.raises(InvalidInput, match="Row 2, column 'age'"):
        model.predict_rows([{"age": 3}, {"age": "old"}])
    words = Words.of(["1"] * 4 + ["old"] * (table.n_rows - 4))
    with pytest.raises(InvalidInput, match="Row 5, column 'age'"):
        model.predict(replaced(table, "age", words, Storage.STRING))


# --- what it relies on ------------------------------------------------------------------------------------------------


def test_a_model_says_what_it_relies_on(model, table, tmp_path):
    found = model.importance()
    shares = [each.share for each in found]
    assert {each.column for each in found} == {"size", "age", "colour"}
    assert all(each.component is None for each in found)
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1.0)
    model.save(tmp_path / "saved")
    assert Predictor.load(tmp_path / "saved").importance() == found


def test_a_member_counts_by_its_share(model):
    """Each fold model's importance adds up to 1 before it is weighed."""
    alone = [
        {each.column: each.share for each in replace(model, members=(replace(member, share=1.0),)).importance()}
        for member in model.members
    ]
    for each in model.importance():
        expected = sum(member.share * found[each.column] for member, found in zip(model.members, alone, strict=True))
        assert each.share == pytest.approx(expected)


# --- its files --------------------------------------------------------------------------------------------------------


def test_a_saved_model_needs_nothing_of_where_it_came_from(model, table, tmp_path):
    model.save(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / "moved")
    assert np.array_equal(
        Predictor.load(tmp_path / "moved").predict(table).probabilities, model.predict(table).probabilities
    )


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(NotFound, match="There is no model in"):
        Predictor.load(tmp_path)


@pytest.mark.parametrize("part", ["models", "views"])
def test_a_file_that_was_changed_is_refused(copy, part):
    victim = next(path for path in (copy / part).rglob("*") if path.is_file())
    victim.write_bytes(victim.read_bytes() + b" ")
    with pytest.raises(InvalidInput, match="changed after it was made"):
        Predictor.load(copy)


def test_a_model_that_can_be_loaded_and_not_asked_is_told_as_that(whole, monkeypatch):
    def give_up(*_):
        raise TypeError("no such thing")

    monkeypatch.setattr(Predictor, "_chunk", give_up)
    with pytest.raises(InvalidInput, match=f"{whole} could not answer a row: TypeError: no such thing"):
        Predictor.load(whole)


@pytest.mark.parametrize("part", ["models", "views"])
def test_files_that_the_description_does_not_know_are_not_loaded(copy, part):
    def forget(head):
        head["files"] = {name: digest for name, digest in head["files"].items() if not name.startswith(part)}

    forge(copy, forget)
    with pytest.raises(InvalidInput, match=r"no file of .* is described in model\.json"):
        Predictor.load(copy)


def test_a_member_outside_of_the_folder_is_not_loaded(copy, tmp_path):
    def point_outside(head):
        member = head["members"][0]
        shutil.copytree(copy / "models" / member["trial"], tmp_path / "outside")
        member["trial"] = "../../outside"

    forge(copy, point_outside)
    assert (copy / "models/../../outside/fold-0").is_dir()
    with pytest.raises(InvalidInput, match=r"no file of .* is described in model\.json"):
        Predictor.load(copy)


def test_a_model_of_a_part_of_the_folds_has_only_their_files(run, tmp_path):
    store = FolderCheckpoints(run)
    record = store.finished()[0]
    head = read_head(store.incumbent())
    write_predictor(
        tmp_path,
        store,
        task=Task.from_json(head["task"]),
        schema=Schema.from_json(head["schema"]),
        classes=tuple(head["classes"]),
        score=0.5,
        shares={record.trial: 1.0},
        records=[record],
    )
    wanted = (f"models/{record.trial}/fold-0/", f"views/{record.view}/fold-0/")
    assert all(name.startswith(wanted) for name in read_head(tmp_path)["files"])
    assert [fold.view for fold in Predictor.load(tmp_path).members[0].folds] == [(record.view, 0)]


def test_a_model_of_sparse_vectors_answers(tmp_path):
    """It is tried when it is loaded: on vectors without an entry, because none can be missing."""
    rng = np.random.default_rng(6)
    matrix = sparse.random(90, 40, density=0.2, format="csr", dtype=np.float32, random_state=6)
    y = (matrix[:, 3].toarray()[:, 0] + 0.2 * rng.random(90) > 0.15).astype(float)
    schema = Schema(
        (
            ColumnSchema(name="features", type=ColumnType.VECTOR, storage=Storage.SPARSE, dim=40),
            ColumnSchema(name="y", type=ColumnType.BOOLEAN, storage=Storage.BOOLEAN),
        )
    )
    table = Dataset(schema, {"features": Vectors(matrix), "y": Numbers(y)}, 90)
    result = learn(table, Task(target="y"), replace(PLAN, max_trials=1), pool=InlinePool())
    result.save(tmp_path / "model")
    model = Predictor.load(tmp_path / "model")
    alone = model.predict_rows([{"features": {"indices": [3, 7], "values": [0.5, 1.0]}}])
    assert len(model.predict(table)) == 90
    assert len(alone) == 1


def test_an_interval_does_not_leave_where_the_target_can_be(tmp_path):
    """Counts are not below 0, however far off the model may be."""
    rng = np.random.default_rng(2)
    n_rows, rate = 300, rng.uniform(0.1, 3.0, 300)
    columns = {"rate": Numbers(rate), "visits": Numbers(rng.poisson(rate).astype(float))}
    schema = Schema(tuple(ColumnSchema(name=name, type=ColumnType.NUMERIC, storage=Storage.FLOAT) for name in columns))
    table = Dataset(schema, columns, n_rows)
    lower = {}
    for name in ("gaussian", "poisson"):
        task = Task(target="visits", problem="regression", distribution=TargetDistribution.parse(name))
        lower[name] = learn(table, task, PLAN, pool=InlinePool()).predictor.predict(table, level=0.95).lower
    assert lower["gaussian"].min() < 0
    assert lower["poisson"].min() == 0
