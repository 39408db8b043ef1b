"""What the answers to mistakes say."""

from uuid import UUID

import pytest

from athanor.api.dialects.workbench import words

JOBS, MODELS = "/api/v1/automl/jobs", "/api/v1/model-registry/models"
NOWHERE = UUID("01234567-89ab-7def-8123-456789abcdef")


def message_of(answer):
    return answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("value", "came"),
    [
        (5, "the number 5"),
        (["y"], "a list of 1"),
        ({"a": 1}, "an object"),
        (True, "true"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_what_came(value, came, started):
    answer = started(targetColumn=value)
    assert answer.status_code == 400
    assert message_of(answer) == f"`targetColumn`: Input should be a valid string; {came} came."


def test_a_long_text_is_told_by_its_beginning(started):
    answer = started(timeLimit="x" * 5000)
    assert message_of(answer).endswith(f'the text "{"x" * 60}"… came.')


def test_an_empty_body_is_told_what_is_expected(world):
    answer = world.call("POST", JOBS)
    assert answer.status_code == 400
    assert message_of(answer) == (
        "The body is empty. Send a JSON object with `name`, `dataset`, `targetColumn`, and "
        "`Content-Type: application/json`."
    )


@pytest.mark.parametrize("sent", [words.job_id(NOWHERE), str(NOWHERE), words.job_id(NOWHERE).upper()[:4] + NOWHERE.hex])
def test_an_id_of_the_path_is_told_as_it_was_sent(sent, world):
    answer = world.call("GET", f"{JOBS}/{sent}")
    assert answer.status_code == 404
    assert sent in message_of(answer)


def test_a_dataset_that_is_not_there_is_told_by_the_id_that_was_sent(started):
    answer = started(dataset=words.dataset_id(NOWHERE))
    assert answer.status_code == 404
    assert message_of(answer) == f"No dataset with id {words.dataset_id(NOWHERE)}."


def test_ids_of_other_things_stay_as_they_are():
    message = f"No dataset with id {NOWHERE}. No model with id {NOWHERE}."
    assert words.ids_as_sent(message, ["model"]) == (
        f"No dataset with id {words.dataset_id(NOWHERE)}. No model with id {NOWHERE}."
    )
