"""Points in time as numbers."""

from __future__ import annotations

import numpy as np

from athanor.engine.features.times import TimeParts
from athanor.engine.tables.dataset import Times


def times(*spelled):
    return Times(np.array(spelled, "datetime64[us]"))


ALL = TimeParts(("year", "month", "day", "weekday", "hour", "minute_of_day", "days_since_1970"))


def test_a_point_in_time_has_parts():
    found = ALL.encode(times("2024-02-29T13:45:59", "1969-12-31T23:59:00"))
    assert found[0, :6].tolist() == [2024, 2, 29, 3, 13, 825]
    assert found[1, :6].tolist() == [1969, 12, 31, 2, 23, 1439]
    np.testing.assert_allclose(found[:, 6], [19782.573599, -1 / 1440], rtol=1e-6)


def test_missing_is_missing_in_every_part():
    assert np.isnan(ALL.encode(times("NaT"))).all()


def test_parts_that_never_change_are_left_out():
    assert TimeParts.of(times("2024-02-01", "2024-02-02", "NaT")).parts == ("day", "weekday", "days_since_1970")


def test_minutes_are_left_out_where_all_is_on_the_hour():
    assert "minute_of_day" not in TimeParts.of(times("2024-01-01T01", "2024-01-01T02")).parts
    assert "minute_of_day" in TimeParts.of(times("2024-01-01T01:30", "2024-01-01T02:00")).parts
