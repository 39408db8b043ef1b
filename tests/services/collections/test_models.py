"""Models of collections: from vectors with attributes to predictions, by small real trainings."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from athanor.core.actor import Scope
from athanor.core.job import JobState, advance
from athanor.engine.plan import Plan
from athanor.engine.tables.schema import Schema
from athanor.engine.task import Task
from athanor.errors import Conflict, InvalidInput, NotFound, ScopeMissing, TooLarge
from athanor.services.aliases import Naming
from athanor.services.collections.batches import VectorBatch
from athanor.services.collections.inputs import ModelInputs
from athanor.services.collections.models import Question, as_numbers
from athanor.services.collections.prediction_files import SentFile, read_file
from athanor.services.rows import compaction
from athanor.services.rows.contents import Content
from support.training import train_now

PROJECT = "default"
DIM = 5
PLAN = Plan(time_limit_s=30)


def rows(n_rows, seed=0):
    """Vectors and attributes: the first three components, and category A, decide the label."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n_rows, DIM)).astype(np.float32).round(3)
    category = rng.choice(["A", "B", "C"], n_rows)
    total = matrix[:, :3].sum(axis=1) + (category == "A")
    return matrix, pl.DataFrame(
        {
            "string_id": [f"r{row}" for row in range(n_rows)],
            "label": np.where(total > 0, "1", "0"),
            "word": np.where(total > 0, "yes", "no"),
            "price": [f"{value:.3f}" for value in total],
            "category": category,
            "note": [f"n{row % 7}" for row in range(n_rows)],
            "empty": pl.Series([None] * n_rows, dtype=pl.String),
        }
    )


def dense(matrix):
    return pl.Series("vector", matrix, dtype=pl.Array(pl.Float32, matrix.shape[1]))


def sparse(matrix):
    indices = [np.flatnonzero(row).tolist() for row in matrix]
    cells = [{"indices": here, "values": row[here].tolist()} for here, row in zip(indices, matrix, strict=True)]
    form = pl.Struct({"indices": pl.List(pl.UInt32), "values": pl.List(pl.Float32)})
    return pl.Series("vector", cells, dtype=form)


def components(matrix):
    return [pl.Series(f"f{place}", matrix[:, place].astype(np.float64)) for place in range(matrix.shape[1])]


class Place:
    """Collections of every layout, and models of them."""

    def __init__(self, world):
        self.world, self.actor, self.models = world, world.actor, world.collection_models
        self.matrix, self.attributes = rows(240)
        self.later, self.later_attributes = rows(60, seed=1)
        for name, (matrix, attributes) in {
            "": (self.matrix, self.attributes),
            "-later": (self.later, self.later_attributes),
        }.items():
            self.collection(f"block{name}", attributes.with_columns(dense(matrix)))
            self.collection(f"table{name}", attributes.with_columns(components(matrix)))
            self.collection(f"sparse{name}", attributes.with_columns(sparse(matrix)))

    def collection(self, name, frame):
        path = self.world.folder / f"{name}.parquet"
        frame.write_parquet(path)
        return self.world.ingest.receive(
            path, filename=path.name, name=name, actor=self.actor, id_column="string_id"
        ).dataset

    def start(self, collection, name, target="label", *, is_regression=False, categorical=("category",), **more):
        question = Question(target=target, is_regression=is_regression, categorical=categorical)
        given = {"name": name, "question": question, "plan": lambda _: PLAN} | more
        return self.models.train(self.actor, PROJECT, collection, **given)

    def train(self, collection, name, *args, **more):
        started = self.start(collection, name, *args, **more)
        train_now(self.world.records, self.world.blobs, self.world.clock, started.run.id)
        return self.models.named(self.actor, PROJECT, collection, name)

    def predict(self, collection, name, source):
        return self.models.predict(self.actor, PROJECT, collection, name, source)

    def file(self, text, form, **more):
        path = self.world.folder / f"sent.{form}"
        path.write_text(text)
        return SentFile(path=path, format=form, **more)

    def csv(self, frame, **more):
        return self.file(frame.write_csv(include_header=more.get("has_header", True)), "csv", **more)


@pytest.fixture(scope="module")
def place(shared_world):
    made = Place(shared_world)
    for collection in ("block", "table", "sparse"):
        view = made.train(collection, "model1")
        assert view.state is JobState.SUCCEEDED, view.job.error
    return made


def test_inputs_are_all_components_and_the_named_attributes_and_nothing_else(place):
    assert place.models.named(place.actor, PROJECT, "block", "model1").run.task.features == ("vector", "category")
    task = place.models.named(place.actor, PROJECT, "table", "model1").run.task
    assert task.features == (*(f"f{component}" for component in range(DIM)), "category")


def test_a_run_has_the_name_of_the_model_and_its_job_the_one_that_was_wanted(place):
    view = place.start("block", "A model", naming=Naming(dialect="vecml", text="me_model_TrainJob"))
    assert (view.run.handle, view.run.name, view.job_name) == ("A model", "A model", "me_model_TrainJob")
    with pytest.raises(Conflict, match="already exists"):
        place.start("block", "A model")


def test_the_plan_is_made_from_rows_times_inputs(place):
    asked = []
    place.start("block", "sized", plan=lambda n_cells: asked.append(n_cells) or PLAN)
    assert asked == [240 * (DIM + 1)]


@pytest.mark.parametrize("name", ["nothing", "empty", "vector"])
def test_a_label_or_category_that_no_row_has_is_refused(place, name):
    with pytest.raises(InvalidInput, match=f"attribute '{name}'"):
        place.start("block", "m", target=name)
    with pytest.raises(InvalidInput, match=f"attribute '{name}'"):
        place.start("block", "m", categorical=(name,))


def test_the_label_is_no_input_even_when_it_is_named_as_one(place):
    assert "label" not in place.start("block", "odd", categorical=("label", "category")).run.task.features


def test_predictions_come_in_the_order_of_rows_with_the_metrics_of_those_that_have_a_label(place):
    found = place.predict("block", "model1", "block-later")
    assert len(found.labels) == 60
    assert set(found.labels) == {0.0, 1.0}
    assert found.n_labelled == 60
    right = np.array(found.labels) == (place.later_attributes["label"].to_numpy() == "1")
    assert found.scores["accuracy"] == pytest.approx(right.mean())
    assert found.scores["accuracy"] > 0.85
    assert not found.is_regression


@pytest.mark.parametrize("collection", ["block", "table", "sparse"])
def test_a_model_answers_the_same_for_all_ways_to_bring_the_rows(place, collection):
    matrix, attributes = place.later, place.later_attributes.select("label", "category")
    wide = attributes.with_columns(components(matrix)).with_columns(surplus=pl.lit("x"))
    records = [dict(row) for row in wide.iter_rows(named=True)]
    sources = {
        "block": "block-later",
        "table": "table-later",
        "sparse": "sparse-later",
        "csv": place.csv(wide),
        "batch": VectorBatch(matrix=matrix, attributes=attributes.to_dicts()),
        "sparse batch": VectorBatch(matrix=csr_matrix(matrix), attributes=attributes.to_dicts()),
        "json": lambda: place.file(json.dumps(records), "json"),
        "jsonl": lambda: place.file("\n".join(map(json.dumps, records)), "json"),
    }
    expected = place.predict(collection, "model1", collection + "-later")
    for name, source in sources.items():
        found = place.predict(collection, "model1", source() if callable(source) else source)
        assert found.labels == expected.labels, name
        assert found.n_labelled == 60, name
        assert found.scores["log_loss"] == pytest.approx(expected.scores["log_loss"], abs=1e-5), name


def test_bare_vectors_find_attributes_of_a_csv_by_header_and_numbers_by_position(place):
    attributes = place.later_attributes
    frame = pl.DataFrame([*components(place.later[:, :2]), attributes["category"]])
    frame = frame.with_columns(pl.Series(f"z{n}", place.later[:, n].astype(float)) for n in range(2, DIM))
    expected = place.predict("block", "model1", "block-later")
    found = place.predict("block", "model1", place.csv(frame))
    assert found.labels == expected.labels
    assert (found.n_labelled, found.scores) == (0, {})


def test_rows_without_a_label_are_answered_and_not_scored(place):
    half = place.later_attributes.with_columns(
        label=pl.when(pl.int_range(pl.len()) < 20).then(pl.col("label"))
    ).with_columns(components(place.later))
    found = place.predict("block", "model1", place.csv(half.drop("empty", "string_id")))
    assert (len(found.labels), found.n_labelled) == (60, 20)


def test_a_category_that_training_did_not_see_is_answered(place):
    attributes = [{"category": "new"}] * 59 + [{}]
    assert len(place.predict("block", "model1", VectorBatch(matrix=place.later, attributes=attributes)).labels) == 60


def test_what_is_missing_or_of_another_dimension_is_refused_by_name(place):
    wide = place.later_attributes.with_columns(components(place.later))
    with pytest.raises(InvalidInput, match="'category'"):
        place.predict("block", "model1", VectorBatch(matrix=place.later))
    with pytest.raises(InvalidInput, match="'f1', 'f3'"):
        place.predict("table", "model1", place.csv(wide.drop("f1", "f3", "empty")))
    with pytest.raises(InvalidInput, match=r"takes 5 numbers.*is 4"):
        place.predict("block", "model1", place.csv(wide.drop("f1", "empty")))


def test_a_row_that_cannot_be_read_is_refused_since_answers_would_move(place):
    with pytest.raises(InvalidInput, match="Line 3"):
        place.predict("table", "model1", place.file("f0,f1,f2,f3,f4,category\n1,2,3,4,5,A\n1,2\n1,2,3,4,5,B\n", "csv"))


def test_nothing_is_left_of_a_file_whether_it_was_answered_or_refused(place):
    before = set(place.world.blobs.keys())
    wide = place.later_attributes.with_columns(components(place.later)).drop("empty")
    place.predict("table", "model1", place.csv(wide))
    with pytest.raises(InvalidInput):
        place.predict("table", "model1", place.csv(wide.drop("f0")))
    assert set(place.world.blobs.keys()) == before
    assert not list(place.world.scratch.iterdir())


def test_a_libsvm_file_is_answered_by_a_model_without_categories(place):
    place.train("sparse", "bare", categorical=())
    for first in (0, 1):
        lines = [
            " ".join([label, *(f"{place_ + first}:{value}" for place_, value in enumerate(row))])
            for label, row in zip(place.later_attributes["label"], place.later.tolist(), strict=True)
        ]
        found = place.predict("sparse", "bare", place.file("\n".join(lines), "libsvm"))
        assert found.labels == place.predict("sparse", "bare", "sparse-later").labels
        assert found.n_labelled == 60


def test_a_file_without_names_is_called_as_it_was_at_training(place):
    numbers = pl.DataFrame(components(place.matrix)).with_columns(label=place.attributes["label"].cast(pl.Int64))
    numbers.columns = [str(position) for position in range(DIM + 1)]
    place.collection("unnamed", numbers.with_columns(string_id=place.attributes["string_id"]))
    place.train("unnamed", "m", str(DIM), categorical=())
    later = pl.DataFrame(components(place.later)).with_columns(label=place.later_attributes["label"].cast(pl.Int64))
    found = place.predict("unnamed", "m", place.csv(later, has_header=False))
    assert found.n_labelled == 60
    assert found.scores["accuracy"] > 0.7


def test_labels_of_words_come_back_as_words(place):
    place.train("block", "words", "word")
    assert set(place.predict("block", "words", "block-later").labels) == {"yes", "no"}


def test_a_regression_answers_numbers_and_is_scored_by_them(place):
    view = place.train("block", "prices", "price", is_regression=True)
    assert view.models[0].metric == "rmse"
    found = place.predict("block", "prices", "block-later")
    assert found.is_regression
    assert found.scores["mse"] < 0.5


def test_a_regression_of_words_fails_and_says_so(place):
    view = place.train("block", "not numbers", "word", is_regression=True)
    assert view.state is JobState.FAILED
    assert "word" in (view.job.error or "")


def test_one_class_fails_and_says_so(place):
    place.collection("one", place.attributes.with_columns(dense(place.matrix), label=pl.lit("1")))
    assert place.train("one", "m").state is JobState.FAILED


def test_a_model_is_scored_on_the_validation_collection(place):
    view = place.train("block", "validated", validation="block-later")
    answers = place.predict("block", "validated", "block-later")
    assert view.models[0].scores["accuracy"] == pytest.approx(answers.scores["accuracy"])


def test_a_validation_collection_of_another_kind_or_dimension_is_refused(place):
    place.collection("narrow", place.attributes.with_columns(dense(place.matrix[:, :4])))
    for other in ("sparse-later", "narrow"):
        with pytest.raises(InvalidInput, match="same type and dimension"):
            place.start("block", "m", validation=other)
    with pytest.raises(NotFound, match="'nowhere' does not exist"):
        place.start("block", "m", validation="nowhere")


def test_deleted_rows_are_not_answered(place):
    dataset = place.collection("shrunk", place.later_attributes.with_columns(dense(place.later)))
    place.world.datasets.delete_rows(place.actor, dataset.id, ["r0", "r59"])
    found = place.predict("block", "model1", "shrunk")
    assert found.labels == place.predict("block", "model1", "block-later").labels[1:-1]


def test_models_are_listed_oldest_first_those_of_other_callers_too_and_only_trained_ones(place):
    dataset = place.collection("listed", place.attributes.with_columns(dense(place.matrix)))
    place.train("listed", "first")
    place.start("listed", "waiting")
    other = place.world.train.start(
        place.actor, dataset_id=dataset.id, name="By the other door", task=Task(target="word"), plan=PLAN
    )
    train_now(place.world.records, place.world.blobs, place.world.clock, other.run.id)
    found = place.models.list(place.actor, PROJECT, "listed")
    assert [view.run.handle for view in found] == ["first", "by-the-other-door"]
    assert set(place.predict("listed", "by-the-other-door", "block-later").labels) == {"yes", "no"}


def test_a_model_that_is_continued_is_listed_and_answers_as_before(place):
    place.collection("continued", place.attributes.with_columns(dense(place.matrix)))
    place.train("continued", "model")
    before = place.predict("continued", "model", "block-later").labels
    view = place.models.named(place.actor, PROJECT, "continued", "model")
    place.world.leave_folds(view)
    place.world.train.continue_(place.actor, view.run.id, time_limit_s=60.0)
    assert [view.run.handle for view in place.models.list(place.actor, PROJECT, "continued")] == ["model"]
    assert place.predict("continued", "model", "block-later").labels == before


def test_a_model_of_a_collection_is_deployed_and_asked_by_rows(place):
    view = place.models.named(place.actor, PROJECT, "block", "model1")
    deployed = place.world.deploy.best(place.actor, view.run.id)
    sent = [
        {"vector": vector.tolist(), "category": category}
        for vector, category in zip(place.later, place.later_attributes["category"], strict=True)
    ]
    answer = place.world.predict.rows(place.actor, deployed.registered.id, sent)
    assert [float(label) for label in answer.predictions.labels()] == place.predict(
        "block", "model1", "block-later"
    ).labels


def test_a_model_that_is_not_trained_answers_nothing(place):
    place.start("block", "later")
    for ask in (
        lambda: place.predict("block", "later", "block-later"),
        lambda: place.models.importance(place.actor, PROJECT, "block", "later"),
    ):
        with pytest.raises(Conflict) as caught:
            ask()
        assert caught.value.code == "job-not-completed"


def test_the_importance_names_components_by_their_index_and_attributes_by_name(place):
    found = place.models.importance(place.actor, PROJECT, "block", "model1")
    assert {(one.column, one.component) for one in found} <= {("category", None), *(("vector", n) for n in range(DIM))}
    assert {one.component for one in found[:4]} == {None, 0, 1, 2}
    assert sum(one.share for one in found) == pytest.approx(1)


def test_a_deleted_model_is_gone_and_its_name_free(place):
    place.start("block", "short")
    place.models.delete(place.actor, PROJECT, "block", "short")
    with pytest.raises(NotFound, match="'short' does not exist"):
        place.models.named(place.actor, PROJECT, "block", "short")
    place.start("block", "short")


def test_a_model_whose_training_failed_gives_its_name_to_the_next_one(place):
    failed = place.start("block", "again")
    with pytest.raises(Conflict, match="already exists"):
        place.start("block", "again")
    with place.world.records.change(place.actor.organization_id) as tx:
        job = tx.jobs.get(failed.job.id, lock=True)
        tx.jobs.put(advance(job, JobState.FAILED, now=place.world.clock(), error="no luck"))
    assert place.start("block", "again").run.id != failed.run.id


@pytest.mark.parametrize("question", [{"target": "string_id"}, {"categorical": ("string_id",)}])
def test_the_ids_of_rows_are_no_attribute(place, question):
    with pytest.raises(InvalidInput, match="'string_id'"):
        place.start("block", "by id", **question)


def test_each_operation_needs_its_scope(place):
    def without(*scopes):
        return replace(place.actor, scopes=place.actor.scopes - set(scopes))

    at = (PROJECT, "block", "model1")
    with pytest.raises(ScopeMissing, match="predict"):
        place.models.predict(without(Scope.PREDICT), *at, "block-later")
    with pytest.raises(ScopeMissing, match="data:read"):
        place.models.predict(without(Scope.DATA_READ), *at, "block-later")
    with pytest.raises(ScopeMissing, match="runs:read"):
        place.models.named(without(Scope.RUNS_READ), *at)
    with pytest.raises(ScopeMissing, match="runs:read"):
        place.models.list(without(Scope.RUNS_READ), PROJECT, "block")
    with pytest.raises(ScopeMissing, match="runs:write"):
        place.models.delete(without(Scope.RUNS_WRITE), *at)
    with pytest.raises(ScopeMissing, match="models:read"):
        place.models.importance(without(Scope.MODELS_READ, Scope.RUNS_READ), *at)


def test_another_organization_finds_nothing(place):
    with pytest.raises(NotFound):
        place.models.predict(place.world.an_actor(), PROJECT, "block", "model1", "block-later")


@pytest.mark.parametrize(
    ("labels", "numbers"),
    [
        (("0", "1"), (0.0, 1.0)),
        (("-1.5", "1e3"), (-1.5, 1000.0)),
        ((1, 2), (1.0, 2.0)),
        (("0", "no"), None),
        (("nan", "1"), None),
        (("1_0", "1"), None),
        ((False, True), None),
    ],
)
def test_labels_are_numbers_where_every_one_of_them_is(labels, numbers):
    assert as_numbers(labels) == numbers


def test_more_rows_than_memory_has_room_for_are_refused(place, monkeypatch):
    monkeypatch.setattr(place.world.arrivals, "_memory_limit", 1000)
    sent = place.csv(place.later_attributes.with_columns(components(place.later)).drop("empty"))
    for source in ("block-later", sent):
        with pytest.raises(TooLarge, match="in parts"):
            place.predict("table" if source is sent else "block", "model1", source)


def test_an_id_that_is_a_number_is_no_component(place):
    frame = pl.DataFrame(components(place.later)).with_columns(
        place.later_attributes["category"], string_id=pl.int_range(60)
    )
    dataset = place.collection("numbered", frame)
    assert dataset.id_column == "string_id"
    found = place.predict("block", "model1", "numbered")
    assert found.labels == place.predict("block", "model1", "block-later").labels


def test_a_model_is_not_validated_on_what_it_is_trained_on(place):
    with pytest.raises(InvalidInput, match="not validated on what it is trained on"):
        place.start("block", "m", validation="block")


def test_a_libsvm_file_counts_as_the_first_file_of_the_collection_did(place):
    inputs = ModelInputs(features=Schema(()), target="label", others=(), spelled=(), first_index=1)
    with pytest.raises(InvalidInput, match="count from 1"):
        read_file(place.world.arrivals, place.file("1 0:1 1:2\n0 0:2 1:1\n", "libsvm"), inputs)


def test_a_file_of_another_format_is_refused(place):
    with pytest.raises(InvalidInput, match="csv, json or libsvm"):
        place.predict("block", "model1", place.file("x", "binary"))


def test_an_empty_batch_is_refused(place):
    with pytest.raises(InvalidInput, match="No rows"):
        place.predict("block", "model1", VectorBatch(matrix=np.zeros((0, DIM), np.float32)))


# --- while segments are merged ----------------------------------------------------------------------------------------


@pytest.fixture(params=["before they are read", "while they are read"])
def merging(request, place, monkeypatch):
    """A collection of two segments, which are merged the first time that they are looked up."""

    def files(content, blobs):
        monkeypatch.setattr(Content, "files", original)
        paths = None if request.param == "before they are read" else original(content, blobs)
        version = world.ingest.get(place.actor, dataset.id).version
        with monkeypatch.context() as now:
            now.setattr(compaction, "MOST_SMALL", 1)
            assert compaction.compact(world.records, world.blobs, world.arrivals, version, now=world.clock)
        return original(content, blobs) if paths is None else paths

    world = place.world
    dataset = place.collection("merging", place.later_attributes.with_columns(dense(place.later)))
    row = {"string_id": "one more", "vector": place.later[0].tolist(), "label": "1", "category": "A"}
    world.datasets.append_rows(place.actor, dataset.id, [row])
    original = Content.files
    monkeypatch.setattr(Content, "files", files)
    return dataset.handle


def test_predictions_of_segments_that_are_merged_meanwhile_are_those_of_all_rows(place, merging):
    assert len(place.predict("block", "model1", merging).labels) == 61


def test_a_training_on_segments_that_are_merged_meanwhile_begins(place, merging):
    assert place.start(merging, "m").state is JobState.QUEUED


def test_predictions_come_in_the_order_of_insertion_though_rows_were_changed(place):
    dataset = place.collection("changed", place.later_attributes.with_columns(dense(place.later)))
    before = place.predict("block", "model1", "changed").labels
    rows = place.world.collection_rows
    rows.update(place.actor, PROJECT, "changed", ["r0", "r30"], attributes=[{"note": "new"}] * 2)
    assert place.world.datasets.rows(place.actor, dataset.id, limit=1).rows[0][0] == "r0"
    assert place.predict("block", "model1", "changed").labels == before


def test_labels_that_are_one_number_stay_texts():
    assert as_numbers(("0", "1")) == (0.0, 1.0)
    assert as_numbers(("01", "1")) is None
    assert as_numbers((str(2**60), str(2**60 + 1))) is None
