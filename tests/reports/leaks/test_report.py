"""Leaks that are there by construction, beside twins that do not leak."""

from collections.abc import Hashable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from reports.leaks.report import DETECTORS, find_leaks
from tests.features.company_builder import build_company

ACCOUNTS = [{"account_id": a, "owner_id": f"O-{a}"} for a in "ABCDEFG"]


def subscription(key: str, account_id: str, term_ends: str | None, **more: Any) -> dict[str, Any]:
    return {"subscription_id": key, "account_id": account_id, "product_id": "P", "mrr": 100,
            "started_at": "2023-01-01", "term_ends_at": term_ends, "auto_renew": False, **more}  # fmt: skip


def rows(detector: str, **tables: Any) -> dict[str, dict[Hashable, Any]]:
    """What one detector found, by the key of the leak."""
    found = find_leaks(build_company(date(2024, 7, 1), accounts=ACCOUNTS, **tables))
    assert set(found["detector"]) <= {detector}
    return {row["leak_id"].removeprefix(f"{detector}:"): row for row in found.to_dict("records")}


def test_a_term_that_ended_without_a_renewal_leaks_the_months_since() -> None:
    found = rows(
        "renewal_past_due",
        subscriptions=[
            subscription("due", "A", "2024-05-01"),
            subscription("not yet", "B", "2024-07-01 12:00"),
            subscription("renews itself", "C", "2024-06-01", auto_renew=True),
            subscription("ended", "D", "2024-06-01", ended_at="2024-06-01"),
            subscription("deal open", "E", "2024-06-01"),
            subscription("renewed", "F", "2024-06-01"),
            subscription("its successor", "F", None, started_at="2024-06-01"),
            subscription("deals about others", "G", "2024-06-25"),
            subscription("deal about it", "G", "2024-06-25", product_id="Q"),
        ],
        opportunities=[
            {"opportunity_id": "1", "account_id": "E", "kind": "renewal", "created_at": "2024-05-01"},
            {"opportunity_id": "2", "account_id": "G", "kind": "expansion", "created_at": "2024-05-01",
             "product_id": "R"},
            {"opportunity_id": "3", "account_id": "A", "kind": "renewal", "created_at": "2024-05-01",
             "closed_at": "2024-06-01", "outcome": "lost"},
            {"opportunity_id": "4", "account_id": "G", "kind": "expansion", "created_at": "2024-05-01",
             "product_id": "Q"},
        ],
        products=[{"product_id": product} for product in "PQR"],
    )  # fmt: skip
    assert list(found) == ["due", "deals about others"]
    # from 1 May to the instant at which 1 July begins in Istanbul: 60.875 days, two months of a year of 365.25 days
    assert (found["due"]["money"], found["due"]["owner_id"]) == (200.0, "O-A")
    assert found["deals about others"]["money"] == 100.0, "one month at least"
    assert found["due"]["evidence"] == (
        "subscription due of 100.00 EUR a month goes on since its term ended 2024-05-01; it does not renew itself, and"
        " no deal about it is open; counted: the 2.0 months since"
    )
    assert found["deals about others"]["evidence"].endswith("counted: one month")


@pytest.mark.parametrize(("stuck", "leaks"), [(1, ["stuck 0"]), (2, [])])
def test_a_term_that_renews_itself_leaks_where_few_others_are_stuck(stuck: int, leaks: list[str]) -> None:
    found = rows(
        "renewal_past_due",
        subscriptions=[
            *(subscription(f"moves {n}", "A", "2025-01-01", auto_renew=True) for n in range(17)),
            subscription("moves within the week", "B", "2024-06-25", auto_renew=True),
            *(subscription(f"stuck {n}", "C", "2024-06-20", auto_renew=True) for n in range(stuck)),
        ],
    )
    assert list(found) == leaks
    assert all("it should have renewed itself" in row["evidence"] for row in found.values())


def invoice(key: str, due: str | None, paid: str | None = None, amount: float = 50.555) -> dict[str, Any]:
    return {"invoice_id": key, "account_id": "A", "amount": amount, "issued_at": "2024-01-01", "due_at": due,
            "paid_at": paid}  # fmt: skip


def test_invoices_leak_two_weeks_after_they_were_due() -> None:
    found = rows(
        "invoice_overdue",
        invoices=[
            invoice("late", "2024-06-11"),
            invoice("may still come", "2024-06-21"),
            invoice("paid", "2024-06-01", "2024-06-20"),
            invoice("paid after the date", "2024-06-01", "2024-07-02"),
            invoice("not due", "2024-07-05"),
            invoice("never due", None),
            invoice("credit", "2024-06-01", amount=-10),
        ],
    )
    assert sorted(found) == ["late", "paid after the date"]
    assert found["late"]["money"] == pytest.approx(50.56, abs=0.01)
    assert found["late"]["evidence"] == "invoice late was due 2024-06-11, 19 days ago, and is not paid"


def test_invoices_leak_when_nine_of_ten_that_were_late_had_come() -> None:
    # twenty invoices were paid 3 to 60 days late, one 57 days: the 90th percentile is 57; those paid early say nothing
    due = date(2024, 3, 1)
    late = [invoice(f"P{n}", str(due), str(due + timedelta(days=3 * n))) for n in (*range(1, 21), 19)]
    early = [invoice(f"E{n}", str(due), "2024-02-20") for n in range(50)]
    found = rows(
        "invoice_overdue", invoices=[*late, *early, invoice("late", "2024-05-01"), invoice("usual", "2024-06-01")]
    )
    assert list(found) == ["late"]
    assert found["late"]["evidence"].endswith("60 days ago, and is not paid; nine of ten paid late came within 57")


def deal(key: str, created: str, closed: str | None = None, outcome: str | None = None) -> dict[str, Any]:
    return {"opportunity_id": key, "account_id": "A", "owner_id": "seller", "created_at": created, "closed_at": closed,
            "outcome": outcome, "amount": 900}  # fmt: skip


def stage(key: str, at: str, name: str) -> dict[str, Any]:
    return {"opportunity_id": key, "changed_at": at, "field": "stage", "new_value": name}


def test_a_deal_is_stalled_past_the_pace_of_its_stage() -> None:
    # twenty deals stayed in "demo" for 1 to 20 days, and one for 19: the 90th percentile is 19
    past = [deal(f"P{n}", "2024-01-01", "2024-02-15", "won") for n in range(1, 21)]
    demos = [stage(f"P{n}", "2024-01-01", "demo") for n in range(1, 21)]
    offers = [stage(f"P{n}", f"2024-01-{1 + n:02}", "offer") for n in range(1, 21)]
    closing = [stage(f"P{n}", "2024-02-15", "won") for n in range(1, 21)]
    found = rows(
        "deal_stalled",
        opportunities=[*past, deal("slow", "2024-06-01"), deal("quick", "2024-06-20"), deal("moved on", "2024-06-01")],
        opportunity_changes=[
            *demos, *offers, *closing,
            stage("slow", "2024-06-10", "demo"), stage("quick", "2024-06-20", "demo"),
            stage("moved on", "2024-06-01", "demo"), stage("moved on", "2024-06-20", "offer"),
        ],
    )  # fmt: skip
    assert list(found) == ["slow"]
    assert (found["slow"]["money"], found["slow"]["owner_id"]) == (900.0, "seller")
    assert found["slow"]["evidence"] == (
        "deal slow has been in stage 'demo' for 21 days; nine of ten deals left it within 19"
    )


def test_without_stages_a_deal_is_stalled_past_the_age_of_won_deals() -> None:
    won = [deal(f"P{n}", "2024-01-01", f"2024-01-{1 + n:02}", "won") for n in range(1, 21)]
    open_deals = [deal("slow", "2024-06-01"), deal("quick", "2024-06-20")]
    assert list(rows("deal_stalled", opportunities=[*won, *open_deals])) == ["slow"]
    assert rows("deal_stalled", opportunities=[*won[1:], *open_deals]) == {}, "nineteen deals tell no pace"


def test_a_won_deal_without_an_invoice_leaks_where_invoices_are_kept() -> None:
    deals = [
        deal("billed", "2024-01-01", "2024-03-01", "won"),
        deal("forgotten", "2024-01-01", "2024-05-15", "won"),
        deal("too fresh", "2024-01-01", "2024-06-15", "won"),
        deal("before invoices", "2024-01-01", "2024-01-05", "won"),
        deal("lost", "2024-01-01", "2024-05-15", "lost"),
    ]
    invoices = [
        {"invoice_id": "1", "account_id": "B", "amount": 1, "issued_at": "2024-02-01"},
        {"invoice_id": "2", "account_id": "A", "amount": 1, "issued_at": "2024-03-20"},
    ]
    found = rows("won_not_invoiced", opportunities=deals, invoices=invoices)
    assert {key: row["money"] for key, row in found.items()} == {"forgotten": 900.0}
    assert rows("won_not_invoiced", opportunities=deals) == {}


def test_use_after_the_end_leaks_the_days_used() -> None:
    def used(account_id: str, day: str, events: float = 5) -> dict[str, Any]:
        return {"account_id": account_id, "product_id": "P", "day": day, "events": events}

    ended = {"ended_at": "2024-06-01", "mrr": 365.25}
    found = rows(
        "used_after_end",
        subscriptions=[
            subscription("1", "A", None, **ended),
            subscription("2", "B", None, **ended),
            subscription("3", "B", None, started_at="2024-06-01"),
            subscription("4", "C", None, **ended),
        ],
        usage=[
            used("A", "2024-05-20"), used("A", "2024-06-10"), used("A", "2024-06-11"), used("A", "2024-06-12", 0),
            used("B", "2024-06-10"), used("C", "2024-06-01"), used("D", "2024-06-10"),
        ],
    )  # fmt: skip
    assert {key: row["money"] for key, row in found.items()} == {"A/P": 24.0}  # two days of 12
    assert found["A/P"]["evidence"] == ("P was used on 2 of the last 90 days, after its subscription ended 2024-06-01")


def test_leaks_come_with_the_most_money_first_and_names_of_their_own() -> None:
    company = build_company(
        date(2024, 7, 1),
        accounts=ACCOUNTS,
        subscriptions=[subscription("due", "A", "2024-06-01"), subscription("more", "B", "2024-06-01", mrr=5000)],
        invoices=[{"invoice_id": "1", "account_id": "A", "amount": 2000, "issued_at": "2024-01-01",
                   "due_at": "2024-02-01"}],
    )  # fmt: skip
    found = find_leaks(company)
    assert found["leak_id"].tolist() == ["renewal_past_due:more", "invoice_overdue:1", "renewal_past_due:due"]
    assert found["suggestion"].notna().all()
    pd.testing.assert_frame_equal(found, find_leaks(company))
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)
