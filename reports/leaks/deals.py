"""Leaks of the pipeline: deals that are stuck in their stage."""

import ibis
import pandas as pd

from features.company import Company
from features.point_in_time import days_between
from reports.leaks.lookups import MIN_CASES, SLOW_QUANTILE, with_owner
from reports.stage_durations import stage_stays


def stalled_deals(company: Company) -> pd.DataFrame:
    """Open deals that have been in their stage for longer than 90 % of the deals that left it.

    One row per deal; the money is its amount (0 without one). A deal is compared with those of its kind if at least
    ``MIN_CASES`` of them left the stage, else with all that left it; if these too are fewer, its age is compared with
    the days to win of at least ``MIN_CASES`` won deals.
    """
    stays = stage_stays(company)
    left = stays.filter(stays.left_at.notnull())
    by_kind = left.group_by("kind", "stage").agg(kind_limit=left.days.quantile(SLOW_QUANTILE), n_kind=left.count())
    overall = left.group_by("stage").agg(stage_limit=left.days.quantile(SLOW_QUANTILE), n_stage=left.count())
    deals = company.tables["opportunities"]
    won = deals.filter(deals.outcome == "won")
    win_days = won.agg(
        limit=days_between(won.created_at, won.closed_at).quantile(SLOW_QUANTILE), n_won=won.count()
    ).execute()
    typical_days, n_won = win_days.iloc[0]["limit"], int(win_days.iloc[0]["n_won"])
    open_deals = deals.filter(deals.closed_at.isnull()).select(
        "opportunity_id", "account_id", "amount", "created_at", deal_owner="owner_id"
    )
    current = stays.filter(stays.left_at.isnull()).select("opportunity_id", "kind", "stage", "days")
    rows = open_deals.left_join(current, "opportunity_id").drop("opportunity_id_right")
    rows = rows.left_join(overall, "stage").drop("stage_right")
    rows = rows.left_join(by_kind, ["kind", "stage"]).drop("kind_right", "stage_right")
    rows = rows.mutate(limit=ibis.ifelse(rows.n_kind.fill_null(0) >= MIN_CASES, rows.kind_limit, rows.stage_limit))
    rows = with_owner(company, rows)
    rows = rows.mutate(owner_id=rows.deal_owner.fill_null(rows.owner_id))
    frame: pd.DataFrame = rows.mutate(age=days_between(rows.created_at, ibis.literal(company.as_of_at))).execute()
    by_stage = (frame["n_stage"] >= MIN_CASES).fillna(False).astype(bool)
    slow = by_stage & (frame["days"] > frame["limit"])
    if n_won >= MIN_CASES:
        slow |= ~by_stage & (frame["age"] > typical_days)
    stalled: pd.DataFrame = frame[slow].rename(columns={"opportunity_id": "key"})
    return stalled.assign(
        money=stalled["amount"].fillna(0.0),
        evidence=[
            f"deal {key} has been in stage '{stage}' for {days:.0f} days; nine of ten deals left it within {limit:.0f}"
            if is_by_stage
            else f"deal {key} is {age:.0f} days old; nine of ten won deals took at most {typical_days:.0f}"
            for is_by_stage, key, stage, days, limit, age in zip(
                by_stage[slow], *(stalled[name] for name in ("key", "stage", "days", "limit", "age")), strict=True
            )
        ],
    )
