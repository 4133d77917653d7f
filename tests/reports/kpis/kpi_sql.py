"""Every KPI by SQL written for the tests alone, over the tables of a company in Istanbul (three hours ahead of UTC).

``$start`` and ``$end`` are the first instants of the month and of the next, ``$ago`` that of the twelve months that end
with it, ``$month`` and ``$first`` the first days of the month and of those twelve, ``$ends`` their twelve ends.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
import pandas as pd
import pytest

from data.calendar import first_instant
from features.company import Company
from reports.kpis.kpi import Kpi

ZONE = "Europe/Istanbul"
ELSEWHERE = {"forecast_accuracy", "forecast_bias"}
"""What no table of the company holds: known by hand only."""

BEFORE_AND_AFTER = """
    WITH at_start AS (SELECT account_id, round(sum(mrr), 2) AS mrr FROM subscriptions
                      WHERE started_at < $start AND coalesce(ended_at, 'infinity') >= $start GROUP BY 1),
         at_end AS (SELECT account_id, round(sum(mrr), 2) AS mrr FROM subscriptions
                    WHERE started_at < $end AND coalesce(ended_at, 'infinity') >= $end GROUP BY 1),
         moved AS (SELECT account_id, coalesce(s.mrr, 0) AS was, coalesce(e.mrr, 0) AS is_now
                   FROM at_start s FULL JOIN at_end e USING (account_id)),
         paid AS (SELECT DISTINCT account_id FROM subscriptions WHERE mrr > 0 AND started_at < $start)"""
MOVED = {
    "new": "coalesce(sum(is_now) FILTER (was = 0 AND account_id NOT IN (FROM paid)), 0)",
    "reactivation": "coalesce(sum(is_now) FILTER (was = 0 AND account_id IN (FROM paid)), 0)",
    "expansion": "coalesce(sum(is_now - was) FILTER (was > 0 AND is_now > was), 0)",
    "contraction": "coalesce(sum(was - is_now) FILTER (is_now > 0 AND is_now < was), 0)",
    "churn": "coalesce(sum(was) FILTER (is_now = 0), 0)",
}
WATERFALL = {f"mrr_{kind}": f"{BEFORE_AND_AFTER} SELECT {sums} FROM moved" for kind, sums in MOVED.items()}
MRR = """SELECT sum(mrr) FROM (SELECT account_id, round(sum(mrr), 2) AS mrr FROM subscriptions
         WHERE started_at < {inst} AND coalesce(ended_at, 'infinity') >= {inst} GROUP BY account_id)"""
HAD_AND_HAS = """
    WITH had AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                 WHERE started_at < $ago AND coalesce(ended_at, 'infinity') >= $ago GROUP BY 1 HAVING sum(mrr) > 0),
         has AS (SELECT account_id, sum(mrr) AS mrr FROM subscriptions
                 WHERE started_at < $end AND coalesce(ended_at, 'infinity') >= $end GROUP BY 1)"""
ACTIVE = """SELECT inst, account_id FROM (SELECT unnest({inst}) AS inst) JOIN orders
                ON status = 'placed' AND ordered_at < inst AND ordered_at >= inst - INTERVAL 90 DAY
            UNION SELECT inst, account_id FROM (SELECT unnest({inst}) AS inst) JOIN subscriptions
                ON mrr > 0 AND started_at < inst AND (ended_at IS NULL OR ended_at >= inst)"""
CUSTOMERS = f"""
    WITH active AS ({ACTIVE.format(inst="list_prepend($ago, $ends)")}),
         places AS (SELECT unnest(list_prepend($ago, $ends)) AS inst, unnest(range(13)) AS place),
         placed_active AS (SELECT place, account_id FROM active JOIN places USING (inst)),
         lost AS (SELECT count(*) AS n FROM placed_active one WHERE place < 12 AND NOT EXISTS (
                  FROM placed_active two WHERE two.account_id = one.account_id AND two.place = one.place + 1)),
         begun AS (SELECT count(*) AS n FROM placed_active WHERE place < 12),
         month_ends AS (SELECT count(*) AS n FROM placed_active WHERE place > 0),
         sold AS (SELECT account_id, product_id, amount FROM orders
                  WHERE status <> 'cancelled' AND ordered_at >= $ago AND ordered_at < $end
                  UNION ALL SELECT account_id, product_id, amount FROM earned WHERE month BETWEEN $first AND $month),
         revenue AS (SELECT sum(amount) AS money FROM sold),
         margin AS (SELECT sum(amount * margin_rate) / sum(amount) AS rate FROM sold JOIN products USING (product_id)
                    WHERE margin_rate IS NOT NULL),
         spent AS (SELECT sum(amount) AS money FROM costs
                   WHERE lower(team) IN ('sales', 'marketing') AND month BETWEEN $first AND last_day($month::DATE)),
         firsts AS (SELECT account_id, min(sold_at) AS inst FROM (
                    SELECT account_id, ordered_at AS sold_at FROM orders WHERE status = 'placed'
                    UNION ALL SELECT account_id, started_at FROM subscriptions) GROUP BY account_id),
         joined AS (SELECT count(*) AS n FROM firsts WHERE inst >= $ago AND inst < $end)"""
CLOSED = """
    WITH told AS (SELECT opportunity_id, coalesce(new_value::DOUBLE, 0) AS amount
                  FROM opportunity_changes JOIN opportunities o USING (opportunity_id)
                  WHERE field = 'amount' AND changed_at < o.closed_at
                  QUALIFY row_number() OVER (PARTITION BY opportunity_id ORDER BY changed_at DESC) = 1),
         closed AS (SELECT o.*, coalesce(told.amount, o.amount, 0) AS stood
                    FROM opportunities o LEFT JOIN told USING (opportunity_id))"""
OPEN = """
    WITH told AS (SELECT opportunity_id, coalesce(new_value::DOUBLE, 0) AS amount FROM opportunity_changes
                  WHERE field = 'amount' AND changed_at < $end
                  QUALIFY row_number() OVER (PARTITION BY opportunity_id ORDER BY changed_at DESC) = 1),
         open_deals AS (SELECT o.opportunity_id, coalesce(told.amount, o.amount, 0) AS amount
                        FROM opportunities o LEFT JOIN told USING (opportunity_id)
                        WHERE o.created_at < $end AND (o.closed_at IS NULL OR o.closed_at >= $end)),
         year AS (SELECT * FROM opportunities WHERE closed_at >= $ago AND closed_at < $end)"""
TERMS = """
    WITH lines AS (SELECT s.*, coalesce(p.family, s.product_id, '') AS line
                   FROM subscriptions s LEFT JOIN products p USING (product_id)),
         due AS (SELECT * FROM lines WHERE term_ends_at >= $start AND term_ends_at < $end AND started_at < term_ends_at
                 AND coalesce(ended_at, 'infinity') >= term_ends_at),
         judged AS (SELECT *, coalesce(auto_renew, false) AND coalesce(ended_at, 'infinity') > term_ends_at
                    OR EXISTS (FROM lines n WHERE n.account_id = due.account_id AND n.line = due.line
                        AND n.subscription_id <> due.subscription_id
                        AND n.started_at >= due.term_ends_at - INTERVAL 30 DAY
                        AND n.started_at < due.term_ends_at + INTERVAL 1 DAY) AS renewed FROM due)"""

SQL: dict[str, str] = {
    "mrr": MRR.format(inst="$end"),
    "mrr_start": MRR.format(inst="$start"),
    **WATERFALL,
    "arr": f"SELECT 12 * ({MRR.format(inst='$end')})",
    "arr_start": f"SELECT 12 * ({MRR.format(inst='$start')})",
    **{f"arr_{kind}": f"{BEFORE_AND_AFTER} SELECT 12 * {sums} FROM moved" for kind, sums in MOVED.items()},
    "nrr": f"{HAD_AND_HAS} SELECT sum(coalesce(has.mrr, 0)) / sum(had.mrr) FROM had LEFT JOIN has USING (account_id)",
    "grr": f"{HAD_AND_HAS} SELECT sum(least(coalesce(has.mrr, 0), had.mrr)) / sum(had.mrr)"
    " FROM had LEFT JOIN has USING (account_id)",
    "logo_churn": """
        WITH paid AS (SELECT * FROM subscriptions WHERE mrr > 0),
             old AS (SELECT DISTINCT account_id FROM paid WHERE started_at < $start
                     AND NOT coalesce(ended_at < $start, false)),
             kept AS (SELECT DISTINCT account_id FROM paid WHERE started_at < $end
                      AND NOT coalesce(ended_at < $end, false))
        SELECT count(*) FILTER (WHERE account_id NOT IN (FROM kept)) / count(*) FROM old""",
    "revenue_churn": f"{BEFORE_AND_AFTER} SELECT sum(greatest(was - is_now, 0)) / sum(was) FROM moved",
    "upsell_rate": f"{BEFORE_AND_AFTER} SELECT avg((is_now > was)::INT) FROM moved WHERE was > 0",
    "renewal_rate": f"{TERMS} SELECT avg(renewed::INT) FROM judged",
    "renewal_rate_value": f"{TERMS} SELECT coalesce(sum(mrr) FILTER (renewed), 0) / nullif(sum(mrr), 0) FROM judged",
    "net_revenue": """
        SELECT (SELECT coalesce(sum(amount), 0) FROM orders
                WHERE status <> 'cancelled' AND ordered_at >= $start AND ordered_at < $end)
             + (SELECT coalesce(sum(amount), 0) FROM earned WHERE month = $month)""",
    "active_customers": f"SELECT count(*) FROM ({ACTIVE.format(inst='[$end]')})",
    "new_customers": f"{CUSTOMERS} SELECT count(*) FROM firsts WHERE inst >= $start AND inst < $end",
    "customer_churn": f"""
        WITH was AS ({ACTIVE.format(inst="[$start]")}), now AS ({ACTIVE.format(inst="[$end]")})
        SELECT avg((now.account_id IS NULL)::INT) FROM was LEFT JOIN now USING (account_id)""",
    "average_order_value": """
        SELECT avg(amount) FROM (
            SELECT order_id, sum(amount) AS amount FROM orders
            WHERE status = 'placed' AND ordered_at >= $start AND ordered_at < $end GROUP BY order_id, account_id)""",
    "win_rate": "SELECT avg((outcome = 'won')::INT) FROM opportunities WHERE closed_at >= $start AND closed_at < $end",
    "win_rate_value": f"{CLOSED} SELECT coalesce(sum(stood) FILTER (outcome = 'won'), 0) / nullif(sum(stood), 0)"
    " FROM closed WHERE closed_at >= $start AND closed_at < $end",
    "sales_cycle_days": """
        SELECT avg(date_diff('second', created_at, closed_at)) / 86400 FROM opportunities
        WHERE outcome = 'won' AND closed_at >= $start AND closed_at < $end""",
    "open_deals": f"{OPEN} SELECT count(*) FROM open_deals",
    "pipeline": f"{OPEN} SELECT coalesce(sum(amount), 0) FROM open_deals",
    "pipeline_velocity": f"""{OPEN} SELECT (SELECT count(*) FROM open_deals)
        * (SELECT avg((outcome = 'won')::INT) FROM year)
        * (SELECT avg(coalesce(amount, 0)) FROM year WHERE outcome = 'won')
        / (SELECT avg(date_diff('second', created_at, closed_at)) / 86400 FROM year WHERE outcome = 'won')""",
    "coverage": f"""{OPEN} SELECT (SELECT sum(amount) FROM open_deals)
        / (SELECT sum(amount) / 4 FROM year WHERE outcome = 'won')
        WHERE (SELECT min(created_at) FROM opportunities) <= $ago""",
    "cac": f"""{CUSTOMERS} SELECT (SELECT sum(amount) FROM costs
            WHERE lower(team) IN ('sales', 'marketing') AND month BETWEEN $month AND last_day($month::DATE))
        / nullif((SELECT count(*) FROM firsts WHERE inst >= $start AND inst < $end), 0)""",
    "gross_margin": f"{CUSTOMERS} SELECT rate FROM margin",
    "revenue_per_customer": f"{CUSTOMERS} SELECT money / month_ends.n FROM revenue, month_ends",
    "ltv": f"{CUSTOMERS} SELECT money / month_ends.n * rate / (lost.n / begun.n)"
    " FROM revenue, month_ends, margin, lost, begun",
    "ltv_cac": f"{CUSTOMERS} SELECT revenue.money / month_ends.n * rate / (lost.n / begun.n)"
    " / (spent.money / nullif(joined.n, 0)) FROM revenue, month_ends, margin, lost, begun, spent, joined",
    "cac_payback_months": f"{CUSTOMERS} SELECT spent.money / nullif(joined.n, 0)"
    " / (revenue.money / month_ends.n * rate) FROM revenue, month_ends, margin, spent, joined",
    **{
        name: f"SELECT avg({column}) FROM lifetimes JOIN ({ACTIVE.format(inst='[$end]')}) USING (account_id)"
        for name, column in (("ltv_predicted", "lifetime_value"), ("ltv_bgnbd", "lifetime_value_bgnbd"))
    },
}
"""For the whole company."""

STAGES = """
    WITH entries AS (SELECT opportunity_id, new_value AS stage, changed_at,
                     lead(changed_at) OVER (PARTITION BY opportunity_id ORDER BY changed_at, new_value) AS next_at
                     FROM opportunity_changes WHERE field = 'stage' AND new_value IS NOT NULL),
         left_at AS (SELECT entries.stage, outcome, closed_at, coalesce(next_at, closed_at) AS inst, changed_at
                     FROM entries JOIN opportunities USING (opportunity_id))
    SELECT 'stage:' || stage, avg((NOT (coalesce(outcome, 'lost') = 'lost'
        AND coalesce(inst >= closed_at - INTERVAL 1 HOUR, false)))::INT)
    FROM left_at WHERE inst >= $start AND inst < $end AND inst > changed_at
        AND NOT (coalesce(inst >= closed_at - INTERVAL 1 HOUR, false) AND inst < changed_at + INTERVAL 1 HOUR)
    GROUP BY stage"""

EARNED = """
    CREATE TABLE earned AS
    SELECT date_trunc('month', local_day)::DATE AS month, account_id, product_id,
        sum(mrr / day(last_day(local_day))) AS amount
    FROM (SELECT *, unnest(generate_series(first_day, end_day - INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE AS local_day
          FROM (SELECT account_id, product_id, mrr, (started_at + INTERVAL 3 HOUR)::DATE AS first_day,
                coalesce((ended_at + INTERVAL 3 HOUR)::DATE, $until::DATE) AS end_day FROM subscriptions)
          WHERE first_day < end_day)
    GROUP BY ALL"""


def figure(rows: pd.DataFrame, kpi: str, month: str, part: str = "total") -> float | None:
    """One value, or ``None`` where there is no row."""
    found = rows[(rows["kpi"] == kpi) & (rows["period"].astype(str) == month) & (rows["slice"] == part)]
    return None if found.empty else float(found["value"].item())


def as_known_tables(company: Company, lifetimes: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """The company's tables, as it knows them, in a database of the test's own."""
    con = duckdb.connect()
    for name, table in company.tables.items():
        con.register("rows", table.to_pyarrow())
        con.execute(f"CREATE TABLE {name} AS FROM rows")
        con.unregister("rows")
    con.register("lifetimes", lifetimes)
    con.execute(EARNED, {"until": company.as_of})
    return con


def months(as_of: date) -> list[tuple[str, dict[str, Any]]]:
    """The twelve months that are over, each with what its SQL is told."""
    firsts = [day.date() for day in pd.date_range(end=as_of, periods=25, freq="MS")]
    instants = [first_instant(day, ZONE) for day in firsts]
    return [
        (str(firsts[n]), {"start": instants[n], "end": instants[n + 1], "ago": instants[n - 11], "month": firsts[n],
                          "first": firsts[n - 11], "ends": instants[n - 10 : n + 2]})
        for n in range(12, 24)
    ]  # fmt: skip


def assert_equal_to_sql(
    company: Company, rows: pd.DataFrame, lifetimes: pd.DataFrame, definitions: Sequence[Kpi], *, every: int = 1
) -> None:
    """Every KPI that SQL can tell is what it says, in every so many-th month, the last one among them; those of tonight
    in the last month alone."""
    con = as_known_tables(company, lifetimes)
    assert {kpi.name for kpi in definitions} == {*SQL, "stage_conversion", *ELSEWHERE}
    *_, (latest, _) = months(company.as_of)
    for month, times in months(company.as_of)[::-every]:
        for kpi, sql in SQL.items():
            if kpi in ("ltv_predicted", "ltv_bgnbd") and month != latest:
                assert figure(rows, kpi, month) is None
                continue
            used = {name: value for name, value in times.items() if re.search(rf"\${name}\b", sql)}
            (expected,) = con.execute(sql, used).fetchone() or (None,)
            tolerance = {"nrr": 1e-4, "grr": 1e-4}.get(kpi, 0.006 * (12 if kpi.startswith("arr") else 1))
            wanted = None if expected is None else pytest.approx(expected, rel=1e-6, abs=tolerance)
            assert figure(rows, kpi, month) == wanted, (kpi, month, expected)
        by_stage = dict(con.execute(STAGES, {name: times[name] for name in ("start", "end")}).fetchall())
        mine = rows[(rows["kpi"] == "stage_conversion") & (rows["period"].astype(str) == month)]
        assert dict(zip(mine["slice"], mine["value"], strict=True)) == pytest.approx(by_stage, abs=1e-6)
