"""Models on their way out: whole, for those they belong to, and nothing is left in the scratch folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from athanor.core.actor import Scope
from athanor.engine.serving.model_archive import import_model
from athanor.engine.serving.model_files import read_head
from athanor.errors import Conflict, InvalidInput, NotFound, NotSupported, ScopeMissing


def best_of(world, run):
    with world.records.look(world.actor.organization_id) as transaction:
        return transaction.models.find({"run_id": run.id}, sort="rank", limit=1).items[0]


def test_the_best_model_of_a_run_is_one_file_named_after_the_run(world):
    run = world.a_finished_run("Churn, again").run
    made = world.model_files.of_run(world.actor, run.id)
    assert (made.filename, made.media_type) == ("churn-again.athanor", "application/zip")
    file = world.folder / "churn.athanor"
    file.write_bytes(b"".join(made.chunks))
    import_model(file, world.folder / "churn")
    assert read_head(world.folder / "churn") == read_head(world.blobs.local(best_of(world, run).artifact))
    assert list(world.scratch.iterdir()) == []


def test_whoever_goes_away_in_the_middle_leaves_nothing_behind(world):
    chunks = world.model_files.of_run(world.actor, world.a_finished_run().run.id).chunks
    next(chunks)
    assert list(world.scratch.iterdir()) != []
    chunks.close()
    assert list(world.scratch.iterdir()) == []


def test_a_model_that_was_damaged_is_not_given_out(world):
    run = world.a_finished_run().run
    world.blobs.delete(best_of(world, run).artifact)
    world.blobs.put(f"{best_of(world, run).artifact}/model.json", [b"{}"])
    with pytest.raises(InvalidInput, match="is not a model's description"):
        next(world.model_files.of_run(world.actor, run.id).chunks)


def test_a_run_without_a_model_or_without_its_files_says_so(world):
    with pytest.raises(Conflict, match="is running") as caught:
        world.model_files.of_run(world.actor, world.a_running_run().run.id)
    assert caught.value.code == "job-not-completed"
    run = world.a_finished_run("other").run
    with world.records.change(world.actor.organization_id) as transaction:
        best = transaction.models.find({"run_id": run.id}, sort="rank", limit=1).items[0]
        transaction.models.put(replace(best, artifact=None))
    with pytest.raises(NotSupported, match="train again"):
        world.model_files.of_run(world.actor, run.id)


def test_it_needs_a_scope_and_a_run_of_the_own_organization(world):
    run = world.a_finished_run().run
    with pytest.raises(ScopeMissing, match="runs:read"):
        world.model_files.of_run(world.without(Scope.RUNS_READ), run.id)
    with pytest.raises(NotFound):
        world.model_files.of_run(world.an_actor(), run.id)
