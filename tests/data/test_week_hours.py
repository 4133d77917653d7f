"""Hours of the week have names, and come next at the right instant across clock changes."""

from datetime import datetime

import pytest

from data.week_hours import hour_of_week_name, next_hour_of_week, parse_hour_of_week


@pytest.mark.parametrize(
    ("hour_of_week", "after", "expected"),
    [
        (9, datetime(2024, 3, 25, 8), datetime(2024, 3, 25, 8)),  # Monday 09:00 winter time, at that very instant
        (9, datetime(2024, 3, 25, 8, 1), datetime(2024, 4, 1, 7)),  # a week later, after clocks went forward
        (6 * 24 + 2, datetime(2024, 3, 25), datetime(2024, 3, 31, 1)),  # the skipped hour: the one after
        (6 * 24 + 2, datetime(2024, 10, 21), datetime(2024, 10, 27, 0)),  # the repeated hour: the first of the two
    ],
)
def test_the_next_instant_of_an_hour_is_right_across_clock_changes(
    hour_of_week: int, after: datetime, expected: datetime
) -> None:
    assert next_hour_of_week(hour_of_week, "Europe/Berlin", after) == expected


def test_the_name_of_an_hour_is_parsed_to_the_same_hour() -> None:
    assert hour_of_week_name(33) == "Tue 09:00"
    assert [parse_hour_of_week(hour_of_week_name(hour)) for hour in range(168)] == list(range(168))
