"""The read step on literal rows: types, dates, the cut, deals as they stood, repairs, and what cannot be read."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from data.calendar import RunDates
from data.contract import CONTRACT
from data.lake import Lake, Step
from data.mapping.mapping import load_mapping
from data.reading.read import read
from data.source.open import open_source

Night = Callable[..., Step]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """Reads literal CSV texts, named like contract tables, each mapped as it stands."""

    def run(
        *, as_of: str = "2024-04-01", today: str | None = None, timezone: str = "UTC", repairs: str = "", **tables: str
    ) -> Step:
        crm, mapping = tmp_path / "crm", tmp_path / "mine"
        crm.mkdir()
        mapping.mkdir()
        (mapping / "mapping.toml").write_text(f'[company]\ntimezone = "{timezone}"\ncurrency = "EUR"\n')
        for name, text in tables.items():
            lines = [line.strip() for line in text.strip().splitlines()]
            (crm / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            (mapping / f"{name}.sql").write_text(f"SELECT {lines[0]} FROM {name}")
        if repairs:
            (mapping / "repairs.csv").write_text("table,column,from,to,reason\n" + repairs, encoding="utf-8")
        moment = RunDates(date.fromisoformat(as_of), date.fromisoformat(today or as_of), timezone)
        lake = Lake(tmp_path / "lake")
        with lake.write_step("night", "read") as draft:
            read(open_source(crm), load_mapping(mapping), moment, draft)
        return lake.step("night", "read")

    return run


def column(step: Step, table: str, name: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in step.frame(table)[name]]


def test_every_contract_table_is_written_with_its_types_even_if_the_crm_has_only_one(night: Night) -> None:
    step = night(accounts="account_id\na")
    for table in CONTRACT:
        described = duckdb.sql(f"DESCRIBE SELECT * FROM '{step.path(table.name)}'").fetchall()
        assert {name: kind for name, kind, *_ in described} == table.types()
        assert [row[0] for row in described] == list(table.names)
    assert set(step.tables) == {table.name for table in CONTRACT} | {"reading", "unreadable", "repaired"}
    assert list(step.frame("reading")["table_name"]) == sorted(table.name for table in CONTRACT)


def test_values_are_cast_to_the_types_of_the_contract(night: Night) -> None:
    step = night(
        products="""product_id,name,tier,list_price,recurring,active_from
            p1, Pro ,2,10.50,TRUE,2024-01-31
            p2,,3.0,1e3,no,2024-01-31 00:00:00""",
        tickets="""ticket_id,account_id,opened_at,escalated
            t1,a,2024-03-01T10:00:00+03:00,1
            t2,a,2024-03-01 10:00:00,0
            t3,a,2024-03-01,""",
    )
    assert column(step, "products", "name") == ["Pro", None]
    assert column(step, "products", "tier") == [2, 3]
    assert column(step, "products", "list_price") == [10.5, 1000.0]
    assert column(step, "products", "recurring") == [True, False]
    assert [str(day)[:10] for day in column(step, "products", "active_from")] == ["2024-01-31"] * 2
    opened = [datetime(2024, 3, 1, 7), datetime(2024, 3, 1, 10), datetime(2024, 3, 1)]
    assert column(step, "tickets", "opened_at") == opened
    assert column(step, "tickets", "escalated") == [True, False, None]
    assert step.frame("unreadable").empty


def test_an_instant_in_a_date_column_becomes_the_companys_day(night: Night) -> None:
    step = night(
        usage="""account_id,product_id,day,events
            a,p,2024-03-01T22:30:00Z,1
            a,q,2024-03-01 22:30:00+02:00,1
            a,r,2024-03-01 22:30:00,1""",
        timezone="Europe/Istanbul",
    )
    assert [str(day)[:10] for day in column(step, "usage", "day")] == ["2024-03-02", "2024-03-01", "2024-03-01"]


def test_an_unreadable_value_is_stored_with_the_key_of_its_row(night: Night) -> None:
    step = night(
        accounts="""account_id,employees,created_at,known_at
            a,about 40,2024-01-01,
            b,2.5,yesterday,
            c,7,2024-01-01,soon""",
        usage="""account_id,product_id,day,events
            a,p,2024-02-30,5
            a,p,2024-02-03,inf""",
    )
    assert sorted(map(tuple, step.frame("unreadable").to_numpy())) == [
        ("accounts", "a", "employees", "about 40"),
        ("accounts", "b", "created_at", "yesterday"),
        ("accounts", "b", "employees", "2.5"),
        ("accounts", "c", "known_at", "soon"),
        ("usage", "a|p|", "day", "2024-02-30"),
        ("usage", "a|p|2024-02-03", "events", "inf"),
    ]
    assert column(step, "accounts", "account_id") == ["a", "b", "c"]
    assert column(step, "accounts", "employees") == [None, None, 7]


def test_facts_count_from_when_they_became_known_and_never_before_they_happened(night: Night) -> None:
    step = night(
        orders="""order_id,line_id,account_id,product_id,amount,status,ordered_at,known_at
            1,1,a,p,10,placed,2024-03-01,
            2,1,a,p,10,placed,2024-03-01,2024-03-20
            3,1,a,p,10,placed,2024-03-01,2024-02-01
            4,1,a,p,10,placed,2024-03-01,2024-04-02
            5,1,a,p,10,placed,2024-03-31 23:59:59,
            6,1,a,p,10,placed,2024-04-01,""",
        today="2024-05-01",
    )
    known = dict(zip(column(step, "orders", "order_id"), column(step, "orders", "known_at"), strict=True))
    assert known == {
        "1": datetime(2024, 3, 1),
        "2": datetime(2024, 3, 20),
        "3": datetime(2024, 3, 1),
        "5": datetime(2024, 3, 31, 23, 59, 59),
    }
    reading = step.frame("reading").set_index("table_name").loc["orders"]
    assert (reading["rows"], reading["known"], reading["later"]) == (6, 4, 2)
    assert reading["data_until"] == datetime(2024, 3, 31, 23, 59, 59)


def test_as_of_begins_at_midnight_in_the_companys_time_zone(night: Night) -> None:
    step = night(
        activities="""activity_id,kind,happened_at
            before,call,2024-03-31 20:59:59
            after,call,2024-03-31 21:00:00""",
        timezone="Europe/Istanbul",
        today="2024-05-01",
    )
    assert column(step, "activities", "activity_id") == ["before"]


def test_a_day_is_known_when_it_is_over_in_the_companys_time_zone(night: Night) -> None:
    step = night(
        usage="account_id,product_id,day,events\na,p,2024-03-09,5\na,p,2024-03-30,5",
        costs="month,team,amount\n2024-03-31,sales,5\n2024-02-29,sales,5",
        timezone="America/New_York",
        today="2024-05-01",
    )
    last = timedelta(microseconds=1)
    assert column(step, "usage", "known_at") == [datetime(2024, 3, 10, 5) - last, datetime(2024, 3, 31, 4) - last]
    assert [str(day)[:10] for day in column(step, "costs", "month")] == ["2024-02-29", "2024-03-31"]


def test_rows_dated_in_the_future_are_written_but_do_not_make_the_data_fresh(night: Night) -> None:
    step = night(
        activities="""activity_id,kind,happened_at,known_at
            past,call,2024-03-01,
            today,call,2024-04-01 12:00,
            future,call,2030-01-01,2031-01-01""",
    )
    assert column(step, "activities", "activity_id") == ["future", "past"]
    assert column(step, "activities", "known_at") == [datetime(2030, 1, 1), datetime(2024, 3, 1)]
    reading = step.frame("reading").set_index("table_name").loc["activities"]
    assert (reading["later"], reading["data_until"]) == (1, datetime(2024, 3, 1))


def test_columns_that_are_revealed_later_are_null_until_then(night: Night) -> None:
    step = night(
        subscriptions="""subscription_id,account_id,mrr,started_at,ended_at,end_reason
            s1,a,10,2023-01-01,2024-03-31,price
            s2,a,10,2023-01-01,2024-04-01,price""",
        tickets="""ticket_id,account_id,opened_at,closed_at,satisfaction
            t1,a,2024-03-01,2024-05-01,not yet known
            t2,a,2024-03-01,2024-03-02,unknown""",
        today="2024-06-01",
    )
    assert column(step, "subscriptions", "ended_at") == [datetime(2024, 3, 31), None]
    assert column(step, "subscriptions", "end_reason") == ["price", None]
    assert column(step, "tickets", "closed_at") == [None, datetime(2024, 3, 2)]
    assert list(step.frame("unreadable")["key"]) == ["t2"]


def test_deals_have_their_state_at_as_of(night: Night) -> None:
    step = night(
        opportunities="""opportunity_id,stage,amount,expected_close_at,created_at,closed_at,outcome
            changed,Won,900,2024-05-01,2024-01-01,2024-05-01,won
            half,Won,900,2024-05-01,2024-01-01,2024-05-01,won
            without,Won,900,2024-05-01,2024-01-01,2024-05-01,won
            open,Talks,900,2024-05-01,2024-01-01,,
            done,Won,900,2024-03-01,2024-01-01,2024-03-01,won""",
        opportunity_changes="""opportunity_id,changed_at,field,old_value,new_value
            changed,2024-01-01,stage,,First
            changed,2024-02-01,stage,First,Second
            changed,2024-05-01,stage,Second,Won
            changed,2024-01-01,amount,,500
            changed,2024-05-01,amount,500,900
            half,2024-05-01,stage,Talks,Won
            half,2024-05-02,stage,Won,Won again""",
        today="2024-06-01",
    )
    deals = step.frame("opportunities").set_index("opportunity_id")
    assert deals["stage"].replace({float("nan"): None}).to_dict() == {
        "changed": "Second",  # the latest change before as_of
        "half": "Talks",  # the old value of the first change after as_of
        "without": None,  # closed since: it may have been filled in with the outcome
        "open": "Talks",
        "done": "Won",
    }
    assert deals["amount"].fillna(-1).to_dict() == {"changed": 500, "half": -1, "without": -1, "open": 900, "done": 900}
    assert deals["outcome"].notna().to_dict() == {
        "changed": False, "half": False, "without": False, "open": False, "done": True
    }  # fmt: skip
    assert len(step.frame("opportunity_changes")) == 3


def test_stated_repairs_are_applied_and_counted_in_known_rows(night: Night) -> None:
    step = night(
        accounts="account_id,industry,employees,created_at\na,helth,many,2024-01-01\nb,helth,5,2024-01-01\n"
        "c,health,5,2024-01-01\nd,helth,5,2024-06-01",
        repairs="accounts,industry,helth,health,a misspelling\naccounts,employees,many,,nobody counted\n"
        "accounts,industry,wealth,health,seen once\n",
        today="2024-07-01",
    )
    assert column(step, "accounts", "industry") == ["health"] * 3
    assert column(step, "accounts", "employees") == [None, 5, 5]
    assert step.frame("unreadable").empty
    repaired = step.frame("repaired").set_index(["column_name", "old_value"])["rows"].to_dict()
    assert repaired == {("industry", "helth"): 2, ("employees", "many"): 1, ("industry", "wealth"): 0}


def test_ids_that_passed_through_a_float_column_are_whole_again(tmp_path: Path) -> None:
    crm, mapping = tmp_path / "crm", tmp_path / "mine"
    crm.mkdir()
    mapping.mkdir()
    pd.DataFrame({"account_id": [17850.0, None, 2.5]}).to_parquet(crm / "accounts.parquet")
    (mapping / "mapping.toml").write_text('[company]\ntimezone = "UTC"\ncurrency = "EUR"\n')
    (mapping / "accounts.sql").write_text("SELECT account_id FROM accounts")
    with Lake(tmp_path / "lake").write_step("night", "read") as draft:
        read(open_source(crm), load_mapping(mapping), RunDates(date(2024, 4, 1), date(2024, 4, 1), "UTC"), draft)
    step = Lake(tmp_path / "lake").step("night", "read")
    assert sorted(column(step, "accounts", "account_id"), key=str) == ["17850", "2.5", None]


def test_reading_twice_gives_the_same_bytes(night: Night, tmp_path: Path) -> None:
    step = night(
        accounts="account_id,created_at\nb,2024-01-01\na,2024-01-01", costs="month,team,amount\n2024-01-31,x,1"
    )
    again = Lake(tmp_path / "lake")
    with again.write_step("second", "read") as draft:
        moment = RunDates(date(2024, 4, 1), date(2024, 4, 1), "UTC")
        read(open_source(tmp_path / "crm"), load_mapping(tmp_path / "mine"), moment, draft)
    other = again.step("second", "read")
    assert all(step.path(name).read_bytes() == other.path(name).read_bytes() for name in step.tables)
