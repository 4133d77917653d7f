"""Features of accounts: against independent SQL, and on rows whose answer is plain."""

from collections.abc import Callable
from datetime import date

import duckdb
import pandas as pd
import pytest

from features.accounts import payments, pipeline, support
from features.accounts.orders import order_features
from features.accounts.subscriptions import subscription_features
from features.accounts.table import ACCOUNT_CATEGORIES, ACCOUNT_FEATURES, account_features
from features.company import Company
from features.feature_table import feature_table
from features.spine import account_spine
from tests.features.random_rows import random_rows

DAYS = (date(2023, 6, 1), date(2024, 4, 1))

BY_HAND = """
WITH days(as_of, t) AS (VALUES (DATE '2023-06-01', TIMESTAMP '2023-05-31 21:00:00'),
                               (DATE '2024-04-01', TIMESTAMP '2024-03-31 21:00:00'))
SELECT a.account_id, as_of,
  (SELECT date_diff('second', max(ordered_at), t) / 86400.0 FROM orders o
    WHERE o.account_id = a.account_id AND status = 'placed' AND o.known_at < t) AS days_since_order,
  (SELECT count(DISTINCT order_id) FROM orders o WHERE o.account_id = a.account_id AND status = 'placed'
    AND o.known_at < t AND ordered_at >= t - INTERVAL 90 DAY) AS orders_90,
  (SELECT coalesce(sum(amount), 0) FROM orders o WHERE o.account_id = a.account_id AND status <> 'cancelled'
    AND o.known_at < t AND ordered_at >= t - INTERVAL 365 DAY) AS revenue_365,
  (SELECT coalesce(sum(amount), 0) FROM orders o WHERE o.account_id = a.account_id AND status <> 'cancelled'
    AND o.known_at < t AND ordered_at >= t - INTERVAL 90 DAY)
  - (SELECT coalesce(sum(amount), 0) FROM orders o WHERE o.account_id = a.account_id AND status <> 'cancelled'
    AND o.known_at < t AND ordered_at >= t - INTERVAL 180 DAY AND ordered_at < t - INTERVAL 90 DAY)
    AS revenue_change_90,
  (SELECT count(DISTINCT product_id) FROM orders o WHERE o.account_id = a.account_id AND status = 'placed'
    AND o.known_at < t AND ordered_at >= t - INTERVAL 365 DAY) AS products_365,
  (SELECT coalesce(sum(mrr), 0) FROM subscriptions s WHERE s.account_id = a.account_id AND s.known_at < t
    AND (ended_at IS NULL OR ended_at >= t)) AS mrr,
  (SELECT count(*) FROM subscriptions s WHERE s.account_id = a.account_id AND s.known_at < t
    AND ended_at < t AND ended_at >= t - INTERVAL 365 DAY) AS ended_365,
  (SELECT count(*) FROM touches h JOIN contacts c USING (contact_id) WHERE c.account_id = a.account_id
    AND h.known_at < t AND c.known_at < t AND kind = 'opened' AND NOT coalesce(machine, false)
    AND happened_at >= t - INTERVAL 90 DAY) AS opened_90,
  (SELECT count(*) FROM activities v WHERE v.account_id = a.account_id AND v.known_at < t AND kind = 'meeting'
    AND happened_at >= t - INTERVAL 90 DAY) AS meetings_90,
  (SELECT avg(satisfaction) FROM tickets k WHERE k.account_id = a.account_id AND k.known_at < t AND closed_at < t
    AND opened_at >= t - INTERVAL 365 DAY) AS satisfaction_365,
  (SELECT count(*) FROM tickets k WHERE k.account_id = a.account_id AND k.known_at < t
    AND (closed_at IS NULL OR closed_at >= t)) AS tickets_open,
  (SELECT coalesce(sum(amount), 0) FROM invoices i WHERE i.account_id = a.account_id AND i.known_at < t AND due_at < t
    AND (paid_at IS NULL OR paid_at >= t)) AS amount_overdue,
  (SELECT coalesce(sum(events), 0) FROM usage u WHERE u.account_id = a.account_id
    AND u.known_at < t AND day >= as_of - 30) AS events_30,
  (SELECT count(*) FROM opportunities d WHERE d.account_id = a.account_id AND d.known_at < t
    AND (closed_at IS NULL OR closed_at >= t)) AS deals_open,
  (SELECT count(*) FROM opportunities d WHERE d.account_id = a.account_id AND d.known_at < t AND closed_at < t
    AND closed_at >= t - INTERVAL 365 DAY AND outcome = 'won') AS deals_won_365,
  (SELECT count(*) FROM contacts c WHERE c.account_id = a.account_id AND c.known_at < t) AS contacts
FROM accounts a, days
WHERE (a.known_at IS NULL OR a.known_at < t)
  AND (EXISTS (FROM orders o WHERE o.account_id = a.account_id AND o.known_at < t AND status = 'placed')
    OR EXISTS (FROM subscriptions s WHERE s.account_id = a.account_id AND s.known_at < t))
ORDER BY as_of, account_id
"""


def test_features_are_those_of_independent_sql(build: Callable[..., Company]) -> None:
    company = build(date(2024, 6, 1), **random_rows(seed=5))
    made = account_features(company, account_spine(company, DAYS)).execute()
    plain = duckdb.connect()
    for name, table in company.tables.items():
        plain.register(name, table.to_pyarrow())
    by_hand = plain.execute(BY_HAND).df()
    assert len(by_hand) > 30
    pd.testing.assert_frame_equal(
        made[by_hand.columns], by_hand, check_dtype=False, check_exact=False, rtol=1e-9, atol=1e-6
    )


def test_every_feature_is_a_float_and_every_category_a_text(build: Callable[..., Company]) -> None:
    company = build(orders=[order("o1", "2024-05-01")], accounts=[{"account_id": "a", "region": "north"}])
    rows = account_features(company, account_spine(company, [company.as_of])).execute()
    assert list(rows.columns) == ["account_id", "as_of", *(f.name for f in (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES))]
    assert {str(rows[feature.name].dtype) for feature in ACCOUNT_FEATURES} == {"float64"}
    assert rows.region[0] == "north"
    assert len(rows) == 1


def test_names_of_features_are_unique_and_described() -> None:
    names = [feature.name for feature in (*ACCOUNT_FEATURES, *ACCOUNT_CATEGORIES)]
    assert len(set(names)) == len(names)
    assert all(feature.description and feature.unit and feature.family for feature in ACCOUNT_FEATURES)


def test_absence_is_zero_once_a_table_is_written_and_unknown_before(build: Callable[..., Company]) -> None:
    company = build(
        accounts=[{"account_id": "a"}, {"account_id": "b"}],
        orders=[order("o1", "2023-01-01")],
        tickets=[{"ticket_id": "k", "account_id": "b", "opened_at": "2024-03-10"}],
    )
    spine = account_spine(company, [date(2024, 3, 1), date(2024, 4, 1)])
    features = (*support.FEATURES, *payments.FEATURES, *pipeline.FEATURES)
    families = (support.ticket_features, payments.invoice_features, pipeline.pipeline_features)
    rows = feature_table(
        company, spine, "account_id", [say(company, spine) for say in families], features, ()
    ).execute()
    assert rows.tickets_90.isna().tolist() == [True, False]
    assert rows.tickets_90[1] == 0
    assert rows.deals_open.isna().all()
    assert rows.days_since_ticket.isna().all()


def test_a_late_fact_and_a_later_end_are_not_seen(build: Callable[..., Company]) -> None:
    company = build(
        accounts=[{"account_id": "a"}],
        orders=[order("o1", "2024-01-01"), order("o2", "2024-02-01", known_at="2024-04-02")],
        subscriptions=[subscription("s1", "2024-01-01", ended_at="2024-05-01")],
    )
    spine = account_spine(company, [date(2024, 4, 1), date(2024, 6, 1)])
    orders = order_features(company, spine).order_by("as_of").execute()
    subscriptions = subscription_features(company, spine).order_by("as_of").execute()
    assert orders.order_days_ever.tolist() == [1, 2]
    assert subscriptions.mrr.tolist() == [100, 0]
    assert subscriptions.ended_365.tolist() == [0, 1]


def test_a_return_lowers_revenue_and_is_no_order(build: Callable[..., Company]) -> None:
    lines = [order("o1", "2024-05-01"), order("r1", "2024-06-01", amount=-4.0, quantity=-1, status="returned")]
    lines.append(order("o2", "2024-06-02", status="cancelled"))
    company = build(accounts=[{"account_id": "a"}], orders=lines)
    row = order_features(company, account_spine(company, [company.as_of])).execute().iloc[0]
    assert (row.orders_90, row.revenue_90, row.returned_share_365, row.cancelled_365) == (1, 6, 0.4, 1)
    assert row.days_since_order == pytest.approx(60.875)


def order(order_id: str, ordered_at: str, **other: object) -> dict[str, object]:
    """One line of account *a* for 10."""
    row = {"order_id": order_id, "line_id": "1", "account_id": "a", "product_id": "p", "quantity": 1, "amount": 10.0}
    return {**row, "ordered_at": ordered_at, "status": "placed", **other}


def subscription(subscription_id: str, started_at: str, **other: object) -> dict[str, object]:
    """One subscription of account *a* for 100 a month."""
    row = {"subscription_id": subscription_id, "account_id": "a", "product_id": "p", "mrr": 100.0}
    return {**row, "started_at": started_at, **other}
