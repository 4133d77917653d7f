"""Money, per cent, numbers and dates in the company's locale."""

from datetime import date, datetime

import pytest

from app.formats import Formats, first_sentences

DAY = date(2026, 12, 1)


@pytest.mark.parametrize(
    ("locale", "money", "percent", "day"),
    [
        ("en", "EUR 3,210", "12.4 %", "Dec 1, 2026"),
        ("de", "EUR 3.210", "12,4 %", "01.12.2026"),
        ("tr", "EUR 3.210", "12,4 %", "1 Ara 2026"),
    ],
)
def test_money_per_cent_and_days_follow_the_locale(locale: str, money: str, percent: str, day: str) -> None:
    formats = Formats(locale, "EUR")
    assert (formats.money(3210.4), formats.percent(0.124), formats.day(DAY)) == (money, percent, day)


def test_the_code_of_the_currency_stands_before_amounts_and_small_ones_have_cents() -> None:
    formats = Formats("en", "USD")
    assert formats.money(-1500.0) == "-USD 1,500"
    assert formats.money(31.456) == "USD 31.46"
    assert formats.money(0.0) == "USD 0"
    assert Formats("en").money(1500.0) == "1,500"


def test_small_fractions_have_two_decimals() -> None:
    assert Formats().percent(0.0004) == "0.04 %"
    assert Formats().percent(0.0) == "0.0 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (float("nan"), ""), ("word", "word"), (1234.5, "1,234.50"), (0.1234, "0.123"), (7, "7"),
        (datetime(2026, 12, 1, 6, 30), "Dec 1, 2026 06:30"), ('["one", "two"]', "one; two"),
    ],
)  # fmt: skip
def test_other_values_are_written_by_their_type(value: object, text: str) -> None:
    assert Formats().value(value) == text


def test_long_lists_are_cut_to_their_first_sentences() -> None:
    assert first_sentences('["one", "two", "three", "four"]') == "one; two; … 2 more"
    assert first_sentences('["one"]') == "one"
    assert first_sentences(None) == ""
