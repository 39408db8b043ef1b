"""The vendor's words."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from athanor.api.dialects.workbench import words
from athanor.core.actor import ALL_SCOPES, Scope
from athanor.core.job import JobState
from athanor.errors import InvalidInput, NotFound

ID = UUID("01234567-89ab-7def-8123-456789abcdef")


def test_every_scope_of_the_core_has_a_word_and_a_word_gives_it():
    assert set(words.VENDOR_SCOPE) == ALL_SCOPES
    for scope, word in words.VENDOR_SCOPE.items():
        assert scope in words.SCOPES[word]


def test_scopes_come_back_as_they_were_given():
    for given in (
        ["ml-workbench:read"],
        ["ml-workbench:write", "model-registry:write"],
        ["predict"],
        list(words.SCOPES),
    ):
        assert words.vendor_scopes(words.core_scopes(given)) == given


def test_a_scope_that_is_held_in_part_is_shown_by_the_cores_word():
    assert words.vendor_scopes(frozenset({Scope.RUNS_READ, Scope.KEYS_READ})) == ["api-keys:read", "runs:read"]


def test_write_does_not_include_read():
    assert Scope.RUNS_READ not in words.SCOPES["ml-workbench:write"]


def test_a_key_that_starts_jobs_cannot_change_the_registry():
    """It may deploy, so it holds models:write; the registry's routes ask for predict as well."""
    assert not {Scope.MODELS_WRITE, Scope.PREDICT} <= words.SCOPES["ml-workbench:write"]


def test_a_status_stands_for_all_states_of_that_word():
    assert words.job_states("queued") == [JobState.READY, JobState.QUEUED]
    with pytest.raises(InvalidInput, match="queued, running, completed, failed, stopped"):
        words.job_states("pending")


def test_ids_are_a_prefix_and_the_digits_of_the_uuid():
    assert words.job_id(ID) == "aml_0123456789ab7def8123456789abcdef"
    assert words.wanted_id(words.job_id(ID), "aml_", "job") == ID
    assert words.wanted_id(str(ID), "aml_", "job") == ID


@pytest.mark.parametrize(
    "text", ["", "aml_", "aml_123", "ds_" + ID.hex, "aml_aml_" + ID.hex, f"{{{ID}}}", ID.hex + "0", "٣" * 32]
)
def test_what_is_no_id_names_nothing(text):
    with pytest.raises(NotFound):
        words.wanted_id(text, "aml_", "job")


def test_times_are_utc_in_whole_seconds():
    at = datetime(2025, 2, 1, 12, 0, 5, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert words.time_text(at) == "2025-02-01T10:00:05Z"
    assert words.optional_time_text(None) is None


@pytest.mark.parametrize(
    "text",
    ["2025-02-01T10:00:05Z", "2025-02-01T12:00:05+02:00", "2025-02-01T12:00:05 02:00", "2025-02-01T10:00:05.000"],
)
def test_times_come_in_every_iso_spelling(text):
    """A plus sign in a query arrives as a space when the client forgets to encode it."""
    assert words.parse_time(text, field="since") == datetime(2025, 2, 1, 10, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "12", "2025-13-01", "0001-01-01T00:00:00+23:59", "1738404005"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InvalidInput, match="ISO 8601"):
        words.parse_time(text, field="since")


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ((None, None, None), ("created_at", True)),
        (("createdAt:asc", None, None), ("created_at", False)),
        (("name", None, None), ("name", True)),
        ((None, "name", "ASC"), ("name", False)),
        (("name:desc", "createdAt", "asc"), ("name", True)),
    ],
)
def test_an_order_is_asked_for_in_two_ways(asked, meant):
    assert words.parse_sort(*asked, {"createdAt": "created_at", "name": "name"}) == meant


def test_a_log_line_speaks_the_vendors_word_for_the_problem():
    told = words.problem_in_words
    assert told("AutoML job started - problem type: multiclass") == (
        "AutoML job started - problem type: multiclass_classification"
    )
    assert told("AutoML job started - problem type: regression") == "AutoML job started - problem type: regression"
    assert told("a binary column") == "a binary column"
