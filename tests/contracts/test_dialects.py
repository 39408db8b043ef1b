"""What every dialect promises, whatever it is called."""

import json
import re
from types import SimpleNamespace

import pytest
from starlette.responses import Response

from athanor import errors
from athanor.api.dialects import DIALECTS, Surroundings
from athanor.core.job import JobState
from athanor.errors import AthanorError, RateLimited, ScopeMissing


def all_kinds(kind=AthanorError):
    yield kind
    for below in kind.__subclasses__():
        yield from all_kinds(below)


def an_error(kind):
    if kind is ScopeMissing:
        return ScopeMissing("data:read")
    if kind is RateLimited:
        return RateLimited("Too many.", retry_after_s=1.5)
    return kind("This went wrong.")


KINDS = [kind for kind in all_kinds() if kind.__module__ == errors.__name__]


@pytest.fixture(params=DIALECTS.names())
def dialect(request):
    return DIALECTS[request.param]


def test_every_job_state_has_a_word(dialect):
    assert set(dialect.job_states) == set(JobState)
    assert all(dialect.job_states.values())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_an_answer_that_is_an_error_with_its_message(dialect, kind):
    response = dialect.respond(an_error(kind))
    assert isinstance(response, Response)
    assert 400 <= response.status_code < 600
    assert response.media_type != "text/html"
    body = bytes(response.body).decode()
    if kind is RateLimited:  # a vendor may have a sentence of its own for it
        assert re.search("too many|limit", body, re.IGNORECASE)
    elif kind is not ScopeMissing:
        assert str(an_error(kind)) in body


def test_a_fault_of_ours_is_a_500_and_everything_else_is_told_apart_from_it(dialect):
    assert dialect.respond(AthanorError("x")).status_code == 500
    assert {dialect.respond(an_error(kind)).status_code for kind in KINDS if kind is not AthanorError} & {500} == set()


def test_a_message_that_utf8_cannot_say_is_answered_all_the_same(dialect):
    assert dialect.respond(errors.InvalidInput("No column '\ud800'.", field="\ud800")).status_code < 500


def test_a_refused_caller_is_told_when_to_come_back(dialect):
    assert dialect.respond(RateLimited("Wait.", retry_after_s=1.2)).headers["Retry-After"] in {"1", "2"}


def test_the_application_describes_itself_without_naming_an_outside_address(dialect):
    app = dialect.app(Surroundings(services=SimpleNamespace(), spool=None, now=None))
    schema = app.openapi()
    assert schema == app.openapi()
    assert schema["paths"]
    assert "http://" not in json.dumps(schema)
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation.get("summary"), (method, path)
            assert any(status.startswith("4") for status in operation["responses"]), (method, path)


def test_a_path_is_an_upload_for_a_file_only(dialect):
    assert not dialect.is_upload("GET", "/", "", "")
    assert not dialect.is_upload("POST", "/nowhere", "multipart/form-data; boundary=b", "")
