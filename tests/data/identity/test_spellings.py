"""Spellings of what accounts are grouped by become one, and what only looks alike stays apart."""

from pathlib import Path

import pytest

from data.identity.resolve import resolve
from data.lake import Lake, Step
from tests.data.literal import rows, step


def resolved(root: Path, **columns: dict[str, int]) -> Step:
    """The ``resolve`` step of accounts with so many of each value of each column."""
    accounts = [
        {"account_id": f"{column} {value} {n}", column: value}
        for column, counts in columns.items()
        for value, count in counts.items()
        for n in range(count)
    ]
    clean = step(root, "validate", {"accounts": accounts})
    with Lake(root).write_step("run", "resolve") as draft:
        resolve(clean, draft)
    return Lake(root).step("run", "resolve")


def ledger(golden: Step) -> list[tuple[str, str, str, int, str]]:
    return rows(golden, "spellings", '"column"', '"from"', '"to"', '"rows"', "why")


def test_values_get_the_most_frequent_spelling_and_every_change_is_recorded(tmp_path: Path) -> None:
    golden = resolved(
        tmp_path,
        region={"Türkiye": 5, "Turkiye": 2, "TÜRKİYE ": 1, "DACH": 30, "D-A-CH": 4, "UK & Ireland": 2,
                "UK and Ireland": 1, "Gulf": 20, "Golf": 2, "North America": 10, "N. America": 1},
        industry={"Retail": 40, "Reatil": 1, "Retai": 1, "retail": 1},
    )  # fmt: skip
    assert ledger(golden) == [
        ("region", "D-A-CH", "DACH", 4, "spelled like DACH"),
        ("region", "Golf", "Gulf", 2, "one letter from Gulf"),
        ("region", "N. America", "North America", 1, "an abbreviation of North America"),
        ("region", "Turkiye", "Türkiye", 2, "spelled like Türkiye"),
        ("region", "TÜRKİYE ", "Türkiye", 1, "spelled like Türkiye"),
        ("region", "UK and Ireland", "UK & Ireland", 1, "spelled like UK & Ireland"),
        ("industry", "Reatil", "Retail", 1, "one letter from Retail"),
        ("industry", "Retai", "Retail", 1, "one letter from Retail"),
        ("industry", "retail", "Retail", 1, "spelled like Retail"),
    ]
    found = set(rows(golden, "accounts", "region")) | set(rows(golden, "accounts", "industry"))
    assert found == {None, "Türkiye", "DACH", "UK & Ireland", "Gulf", "North America", "Retail"}
    clean = Lake(tmp_path).step("run", "validate")
    assert rows(golden, "accounts", "account_id") == rows(clean, "accounts", "account_id"), "in the order they had"


@pytest.mark.parametrize(
    "values",
    [
        {"DE": 100, "IE": 2, "DK": 1},
        {"Iran": 50, "Iraq": 1},
        {"Wood": 50, "Food": 1},
        {"Zone 1": 50, "Zone 2": 1, "Zone 11": 1},
        {"<50": 40, ">50": 3, "1-50": 20, "150": 1},
        {"A": 50, "A+": 2, "A-": 1, "Grade A": 50, "Grade A-": 1, "Grade A+": 1},
        {"Gulf": 39, "Golf": 4},
        {"Gulf": 19, "Golf": 2},
        {"North America": 50, "New America": 50, "N. America": 1},
        {"Public (all": 30, "Publ. (all": 1, "?": 1, "-": 1},
    ],
    ids=str,
)
def test_values_that_may_differ_in_meaning_stay(tmp_path: Path, values: dict[str, int]) -> None:
    golden = resolved(tmp_path, segment=values)
    assert ledger(golden) == []
    found = rows(golden, "accounts", "segment")
    assert {value: found.count(value) for value in values} == values


def test_of_equally_frequent_spellings_the_first_in_alphabetical_order_stays(tmp_path: Path) -> None:
    assert set(rows(resolved(tmp_path, country={"tr": 2, "TR": 2}), "accounts", "country")) == {"TR"}
