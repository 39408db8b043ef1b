"""The vendor's words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from athanor.api.dialects.vecml import words


def test_times_are_utc():
    at = datetime(2025, 2, 1, 9, 55, 7, 999_000, tzinfo=UTC)
    assert words.time_text(at) == "2025/02/01 09:55:07"
    assert words.minute_text(at) == "2025/02/01, 09:55"
    assert words.time_text(at.astimezone(timezone(timedelta(hours=5)))) == "2025/02/01 09:55:07"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00"), (59.9, "00:00:59"), (61, "00:01:01"), (360_000, "100:00:00"), (-1, "00:00:00")],
)
def test_the_hours_of_a_duration_may_pass_99(seconds, text):
    assert words.duration_text(seconds) == text


@pytest.mark.parametrize(
    ("name", "word"),
    [("alice", "alice"), ("Bob Smith", "Bob-Smith"), ("ñandú/../x", "nandu-x"), ("…", "user"), ("a" * 99, "a" * 40)],
)
def test_a_user_has_a_plain_word_in_job_ids(name, word):
    assert words.user_word(name) == word
