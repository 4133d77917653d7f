"""The demo company behaves as its truth says, and the truth shows in what can be observed."""

from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from data.demo import write_demo

UNTIL = datetime(2025, 9, 17, 11, 30)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The CRM's tables as views, those of the truth as ``true_<table>``."""
    folder: Path = tmp_path_factory.mktemp("demo")
    write_demo(folder, until=UNTIL, size=0.7)
    connection = duckdb.connect()
    for part, prefix in (("crm", ""), ("truth", "true_")):
        for path in sorted((folder / part).glob("*.parquet")):
            connection.execute(f"CREATE VIEW {prefix}{path.stem} AS FROM '{path}'")
    return connection


def frame(demo: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    return demo.execute(sql).df()


def test_as_many_leave_as_the_hazards_say(demo: duckdb.DuckDBPyConnection) -> None:
    risky = frame(
        demo, "SELECT churn_hazard AS p, NOT active AS leaves FROM true_months WHERE churn_hazard IS NOT NULL"
    )
    spread = np.sqrt((risky.p * (1 - risky.p)).sum())
    assert abs(risky.leaves.sum() - risky.p.sum()) < 4 * spread
    assert 0.72 < roc_auc_score(risky.leaves, risky.p) < 0.90


LEAVERS = """
    WITH dates AS (
        SELECT unnest(generate_series(TIMESTAMP '2023-03-01', TIMESTAMP '2025-06-01', INTERVAL 1 MONTH)) AS d),
    at_risk AS (
        SELECT d, account_id, min(term_ends_at) AS term FROM dates JOIN subscriptions
        ON started_at < d AND (ended_at IS NULL OR ended_at >= d) GROUP BY ALL),
    stays AS (
        SELECT d, account_id, bool_or(started_at < d + INTERVAL 90 DAY
            AND (ended_at IS NULL OR ended_at >= d + INTERVAL 90 DAY)) AS stays
        FROM at_risk JOIN subscriptions USING (account_id) GROUP BY ALL),
    used AS (
        SELECT d, account_id, sum(events) FILTER (day >= d - INTERVAL 28 DAY) AS now,
            sum(events) FILTER (day < d - INTERVAL 28 DAY) / 3 AS before
        FROM at_risk JOIN usage USING (account_id) WHERE day < d AND day >= d - INTERVAL 112 DAY GROUP BY ALL),
    asked AS (
        SELECT d, account_id, count(*) FILTER (opened_at >= d - INTERVAL 90 DAY) AS tickets,
            avg(satisfaction) FILTER (closed_at < d AND closed_at >= d - INTERVAL 180 DAY) AS satisfaction
        FROM at_risk JOIN tickets USING (account_id) WHERE opened_at < d GROUP BY ALL),
    bought AS (
        SELECT d, account_id, count(*) FILTER (ordered_at >= d - INTERVAL 90 DAY) AS orders
        FROM at_risk JOIN orders USING (account_id) WHERE ordered_at < d GROUP BY ALL)
    SELECT d, NOT stays AS leaves, term IS NOT NULL AS yearly,
        coalesce(term < d + INTERVAL 90 DAY, false) AS due,
        ln((coalesce(now, 0) + 5) / (coalesce(before, 0) + 5)) AS use_trend,
        least(coalesce(tickets, 0), 6) AS tickets, coalesce(satisfaction, 3.5) AS satisfaction,
        ln(1 + coalesce(orders, 0)) AS orders
    FROM at_risk JOIN stays USING (d, account_id) LEFT JOIN used USING (d, account_id)
    LEFT JOIN asked USING (d, account_id) LEFT JOIN bought USING (d, account_id) ORDER BY d, account_id"""


def test_who_leaves_shows_in_use_tickets_satisfaction_orders_and_terms_but_not_too_clearly(
    demo: duckdb.DuckDBPyConnection,
) -> None:
    rows = frame(demo, LEAVERS)
    assert 0.03 < rows.leaves.mean() < 0.15
    signs = ["yearly", "due", "use_trend", "tickets", "satisfaction", "orders"]
    past, later = rows[rows.d < "2024-09-01"], rows[rows.d >= "2024-12-01"]
    model = LogisticRegression(max_iter=1000).fit(past[signs].astype(float), past.leaves)
    chance = model.predict_proba(later[signs].astype(float))[:, 1]
    assert 0.66 < roc_auc_score(later.leaves, chance) < 0.90
    weight = dict(zip(signs, model.coef_[0], strict=True))
    assert weight["due"] > 0 > weight["yearly"]
    assert weight["tickets"] > 0 > weight["satisfaction"]
    assert weight["use_trend"] < 0 > weight["orders"]


def test_mail_moves_those_it_should_and_harms_the_sleeping_dogs(demo: duckdb.DuckDBPyConnection) -> None:
    moved = frame(demo, """
        SELECT CASE WHEN mail_effect > 0 THEN 'moved' WHEN mail_harm > 0 THEN 'harmed' ELSE 'neither' END AS kind,
            avg(ln(purchase_hazard)) FILTER (before) - avg(ln(purchase_hazard)) FILTER (NOT before) AS buys,
            avg(ln(churn_pressure)) FILTER (before) - avg(ln(churn_pressure)) FILTER (NOT before) AS leaves
        FROM (SELECT *, lag(mailed) OVER (PARTITION BY account_id ORDER BY month) AS before FROM true_months)
        JOIN true_accounts USING (account_id) WHERE active GROUP BY kind""").set_index("kind")  # fmt: skip
    assert moved.buys["moved"] > 0.4
    assert abs(moved.buys["neither"]) < 0.2
    assert moved.leaves["harmed"] > 0.3
    assert abs(moved.leaves["neither"]) < 0.2


def test_the_listed_uplifts_have_all_three_kinds_and_dogs_are_negative(demo: duckdb.DuckDBPyConnection) -> None:
    uplift = frame(demo, "SELECT action, kind, min(uplift) AS low, max(uplift) AS high FROM true_uplift GROUP BY ALL")
    assert set(uplift.action) == {"renewal_call", "cross_sell_email", "upsell_offer", "win_back_email", "advance_deal"}
    assert (uplift[uplift.kind == "sleeping dog"].high <= 0).all()
    assert (uplift[uplift.kind == "persuadable"].low >= 0).all()
    assert uplift[uplift.kind == "indifferent"].high.abs().max() < 1e-9


def test_people_answer_mail_that_comes_in_their_hours(demo: duckdb.DuckDBPyConnection) -> None:
    answered = frame(demo, """
        WITH sent AS (
            SELECT touch_id, contact_id, campaign_id, (happened_at AT TIME ZONE 'UTC') AT TIME ZONE timezone AS there
            FROM touches JOIN contacts USING (contact_id)
            WHERE kind = 'sent' AND timezone NOT LIKE '%Old%'),
        hours AS (
            SELECT *,
                ((date_part('isodow', there) - 1) * 24 + date_part('hour', there) - shift + 168) % 168 AS hour
            FROM sent JOIN true_people USING (contact_id)),
        opened AS (SELECT DISTINCT contact_id, campaign_id FROM touches WHERE kind = 'opened' AND NOT machine)
        SELECT archetype, (log_odds > 0.3) AS good, avg((opened.contact_id IS NOT NULL)::INT) AS answers, count(*) AS n
        FROM hours JOIN true_hours USING (archetype, hour) LEFT JOIN opened USING (contact_id, campaign_id)
        WHERE NOT hours.machine GROUP BY ALL""").set_index(["archetype", "good"])  # fmt: skip
    for archetype in ("office", "early", "evening"):
        assert answered.answers[archetype, True] > 1.5 * answered.answers[archetype, False]


def test_deals_pass_their_stages_about_as_planted(demo: duckdb.DuckDBPyConnection) -> None:
    stages = frame(demo, "FROM true_stages")
    assert (stages.entered > 200).all()
    assert (stages.passed / stages.entered - stages.pass_probability).abs().max() < 0.12
    known = frame(demo, """
        SELECT win_probability, outcome = 'won' AS won FROM opportunities JOIN true_deals USING (opportunity_id)
        WHERE outcome IS NOT NULL AND kind <> 'renewal'""")  # fmt: skip
    assert 0.62 < roc_auc_score(known.won, known.win_probability) < 0.85


def test_no_deal_outlives_its_customer_and_what_is_won_is_sold(demo: duckdb.DuckDBPyConnection) -> None:
    # an account of subscriptions that left for good; its deals that were open are lost on that day
    left = frame(demo, """
        WITH gone AS (
            SELECT account_id, max(ended_at) AS left_at, arg_max(end_reason, ended_at) AS reason FROM subscriptions
            GROUP BY account_id HAVING count(*) = count(ended_at))
        SELECT closed_at > left_at AS after, closed_at = left_at AS that_day, outcome FROM opportunities
        JOIN gone USING (account_id)
        WHERE kind = 'expansion' AND created_at < left_at AND reason = 'cancelled'""")  # fmt: skip
    assert not left.after.any()
    assert left.that_day.sum() > 10
    assert (left[left.that_day].outcome == "lost").all()
    sold = frame(demo, """
        SELECT o.opportunity_id, bool_or(p.ordered_at = o.closed_at OR s.started_at = o.closed_at) AS sold
        FROM opportunities o LEFT JOIN orders p USING (account_id, product_id)
        LEFT JOIN subscriptions s USING (account_id, product_id)
        WHERE kind = 'expansion' AND outcome = 'won' GROUP BY ALL""")  # fmt: skip
    assert len(sold) > 200
    assert sold.sold.fillna(False).mean() > 0.9


def test_orders_keep_holidays_season_and_the_break(demo: duckdb.DuckDBPyConnection) -> None:
    lines = frame(demo, """
        SELECT ((ordered_at AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Istanbul')::DATE AS day, count(*) AS n
        FROM orders WHERE status = 'placed' AND ordered_at < TIMESTAMP '2025-09-17' GROUP BY day""")  # fmt: skip
    days = frame(demo, "FROM true_days WHERE day < '2025-09-17'").merge(lines, on="day", how="left").fillna({"n": 0})
    working = days[days.day.dt.day_of_week < 5]
    closed = working.holiday.notna()
    assert working[closed].n.mean() < 0.3 * working[~closed].n.mean()
    months = frame(demo, """
        SELECT month, season, level / trend AS usual, breaks, active
        FROM true_trend JOIN (SELECT month, sum(active::INT) AS active FROM true_months GROUP BY month) USING (month)
        WHERE month < '2025-09-01' ORDER BY month""").set_index("month")  # fmt: skip
    monthly = days.groupby(days.day.dt.to_period("M").dt.start_time).n.sum()[months.index]
    december, august = (monthly[pd.DatetimeIndex(monthly.index).month == month].mean() for month in (12, 8))
    assert december > 1.15 * august
    [broken] = months.index[months.breaks]
    demand = monthly / months.usual / months.active
    assert demand[broken:].iloc[:5].mean() < 0.9 * demand[:broken].iloc[-6:-1].mean()


def test_what_is_wanted_is_adopted(demo: duckdb.DuckDBPyConnection) -> None:
    wanted = frame(demo, "SELECT affinity, adopted_at IS NOT NULL AS adopted FROM true_affinities")
    assert 0.6 < roc_auc_score(wanted.adopted, wanted.affinity) < 0.95


def test_a_term_that_was_signed_is_never_rewritten(demo: duckdb.DuckDBPyConnection) -> None:
    """Else the end of the running term would tell, at a past date, that the account had stayed."""
    renewed = frame(demo, """
        SELECT count(*) AS n, count(*) FILTER (ended_at = term_ends_at) AS on_time
        FROM subscriptions WHERE end_reason = 'renewed'""")  # fmt: skip
    assert renewed.n[0] == renewed.on_time[0] > 100
    passed = frame(demo, f"""
        SELECT subscription_id FROM subscriptions WHERE ended_at IS NULL AND term_ends_at < TIMESTAMP '{UNTIL}'
        AND subscription_id NOT IN (SELECT key FROM true_trouble WHERE kind = 'renewal past due')""")  # fmt: skip
    assert passed.empty


def test_a_deal_in_its_last_state_is_what_its_changes_say(demo: duckdb.DuckDBPyConnection) -> None:
    last = frame(demo, """
        SELECT o.opportunity_id FROM opportunities o JOIN opportunity_changes c USING (opportunity_id)
        WHERE c.field = 'stage' AND o.opportunity_id NOT IN (
            SELECT split_part(key, '|', 1) FROM true_trouble WHERE table_name = 'opportunity_changes')
        GROUP BY o.opportunity_id, o.stage HAVING arg_max(c.new_value, c.changed_at) <> o.stage""")  # fmt: skip
    assert len(last) <= 3, "only a change that becomes known after the export is missing"
