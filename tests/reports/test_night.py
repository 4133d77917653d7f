"""From one night's scores, through the ledger, to another night's scoreboard."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from data.lake import Lake, Step
from data.outputs.conform import conform
from data.outputs.score_tables import ACCOUNT_SCORES, OPPORTUNITY_SCORES, SUBSCRIPTION_SCORES
from data.store.forecast_ledger import forecasts_before
from data.store.publish import publish
from data.store.score_ledger import alerts_before, scores_before
from data.store.views import Store, open_store, view
from features.engineer import engineer
from features.labels.score_outcomes import OUTCOMES
from reports.night import NightContext
from reports.registry import REPORTS, report
from tests.data.store.scored import outputs, record, write
from tests.features.company_builder import build_company

FIRST, LATER = date(2024, 3, 4), date(2024, 7, 1)
ACCOUNTS = [f"A{number:03}" for number in range(1, 41)]


def orders() -> list[dict[str, Any]]:
    """All ordered in January and February; every fourth did so again in April."""
    dates = {account: ["2024-01-10", "2024-02-20", *(["2024-04-10"] if number % 4 == 0 else [])]
             for number, account in enumerate(ACCOUNTS)}  # fmt: skip
    return [
        {"order_id": f"{account}-{day}", "line_id": "1", "account_id": account, "product_id": "P", "amount": 10.0,
         "ordered_at": f"{day} 09:00", "status": "placed"}
        for account, days in dates.items()
        for day in days
    ]  # fmt: skip


def night(store: Store, root: Path, as_of: date) -> Step:
    """The finished report step of a night that scored every account's churn 0.75, published."""
    run, lake = f"acme-{as_of}", Lake(root)
    company = build_company(as_of, accounts=[{"account_id": account} for account in ACCOUNTS], orders=orders())
    scores = pd.DataFrame({"account_id": ACCOUNTS, "churn": 0.75, "churn_model": "churn v1", "churn_horizon_days": 90,
                           "expires_at": as_of})  # fmt: skip
    for name in ("upsell", "repeat", "expected_revenue", "lifetime_value"):
        scores[f"{name}_abstained"] = "too young"
    frames = outputs(accounts=len(ACCOUNTS)) | {
        "account_scores": conform(scores, ACCOUNT_SCORES),
        "opportunity_scores": conform(pd.DataFrame(), OPPORTUNITY_SCORES),
        "subscription_scores": conform(pd.DataFrame(), SUBSCRIPTION_SCORES),
    }
    with lake.write_step(run, "features") as draft:
        engineer(company, draft)
    with lake.write_step(run, "given") as draft:
        for name in sorted({outcome.table for outcome in OUTCOMES} | {"revenue_forecast"}):
            draft.write(name, frames[name])
    earlier = [page(store, "acme", as_of) for page in (scores_before, alerts_before, forecasts_before)]
    with lake.write_step(run, "night_reports") as draft:
        report(NightContext(company, lake.step(run, "features"), lake.step(run, "given"), *earlier), draft)
    reports = lake.step(run, "night_reports")
    steps = [step for step in write(root, run, frames) if step.name != "report"]
    publish(store, record(run, as_of=as_of), [*steps, reports], datetime(as_of.year, as_of.month, as_of.day, 3))
    return reports


def test_scores_are_matched_on_the_first_night_that_knows_their_outcome(scores_url: str, tmp_path: Path) -> None:
    with open_store(scores_url) as store:
        first = night(store, tmp_path, FIRST)
        assert {one.name for one in REPORTS} <= set(first.tables)
        assert first.rows("scoreboard") == 0
        night(store, tmp_path, LATER)
        (row,) = view(store, "scoreboard").to_dict("records")
        kept = view(store, "published_scores", where={"as_of": FIRST}).set_index("key")
        latest = view(store, "published_scores", where={"as_of": LATER})
    assert (row["score"], row["month"], row["matched"]) == ("churn", date(2024, 3, 1), 40)
    assert (row["predicted"], row["observed"]) == (0.75, 0.75), "three of four did not order again"
    assert kept["outcome"].tolist() == [float(number % 4 != 0) for number in range(40)]
    assert set(kept["outcome_as_of"]) == {LATER}
    assert latest["outcome"].isna().all()
