"""The weekend is that of the country where a time zone lies."""

from datetime import date

import pytest

from features.weekends import is_weekend


@pytest.mark.parametrize(
    ("timezone", "weekend"),
    [
        ("Europe/Istanbul", "Sat Sun"),
        ("America/Chicago", "Sat Sun"),
        ("Asia/Riyadh", "Fri Sat"),
        ("Africa/Cairo", "Fri Sat"),
        ("Asia/Dubai", "Sat Sun"),
        ("Asia/Hong_Kong", "Sat Sun"),
        ("UTC", "Sat Sun"),
        ("Antarctica/Troll", "Sat Sun"),
    ],
)
def test_a_week_has_the_weekend_of_its_country(timezone: str, weekend: str) -> None:
    week = [date(2024, 7, day) for day in range(1, 8)]
    assert " ".join(f"{day:%a}" for day in week if is_weekend(day, timezone)) == weekend


def test_a_weekend_that_was_moved_is_as_it_was() -> None:
    friday, sunday = date(2021, 7, 2), date(2021, 7, 4)
    assert [is_weekend(day, "Asia/Dubai") for day in (friday, sunday)] == [True, False]
