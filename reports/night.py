"""What the reports of one night are made from: the company, its features and scores, and what earlier nights said."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from data.lake import Step
from data.outputs.conform import conform
from data.outputs.report_tables import DRIFT
from features.company import Company
from features.labels.score_outcomes import OUTCOMES, scores_told
from reports.forecast.bridge import EarlierNumber, bridge
from reports.kpis.report import key_figures
from reports.monitoring import drift
from reports.monitoring import score_outcomes as scoreboard
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import Band, band
from reports.monitoring.daily_volumes import daily_flows
from reports.monitoring.forecast_accuracy import accuracy, forecasts_told


@dataclass(frozen=True, eq=False)
class Tonight:
    """One night; each page is made when it is first looked at.

    ``known`` holds the features, ``scored`` the scores. ``said`` and ``alerted`` are what earlier nights left in the
    scoring table (``data.store.score_ledger``): scores whose windows have closed, and the alerts of the night before;
    ``foreseen`` and ``earlier`` are past forecasts of revenue, and the number that tonight's is compared with.
    """

    company: Company
    known: Step
    scored: Step
    said: pd.DataFrame
    alerted: pd.DataFrame
    foreseen: pd.DataFrame
    earlier: EarlierNumber | None = None

    @cached_property
    def key_figures(self) -> pd.DataFrame:
        """The KPIs, with what models say of customers' worth and what earlier nights forecast."""
        return key_figures(self.company, self.scored.frame("account_scores"), self.foreseen)

    @cached_property
    def told(self) -> pd.DataFrame:
        """Tonight's scores, one row each."""
        tables = {outcome.table for outcome in OUTCOMES}
        return scores_told({name: self.scored.frame(name) for name in tables}, self.company.as_of)

    @cached_property
    def matched(self) -> pd.DataFrame:
        """Past scores with what happened."""
        return scoreboard.match(self.company, self.said)

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """What of it was not known before: ``run_id, score, key, outcome``."""
        return self.matched.loc[self.matched["new"], ["run_id", "score", "key", "outcome"]].reset_index(drop=True)

    @cached_property
    def board(self) -> pd.DataFrame:
        """The scoreboard."""
        return scoreboard.scoreboard(self.matched, self.company.seed)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """The scoreboard's tenths."""
        return scoreboard.reliability(self.matched, self.company.seed)

    @cached_property
    def bridge(self) -> pd.DataFrame:
        """What moved the number since an earlier night."""
        return bridge(self.company, self.earlier, self.scored)

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """How right past forecasts were."""
        return accuracy(self.company, self.foreseen)

    @cached_property
    def forecasts_told(self) -> pd.DataFrame:
        """Tonight's forecasts, and what plain ways say, for the ledger."""
        return forecasts_told(self.company, self.scored.frame("revenue_forecast"))

    @cached_property
    def bands(self) -> list[Band]:
        """The band of every daily flow."""
        return [band(daily) for daily in daily_flows(self.company)]

    @cached_property
    def drift(self) -> pd.DataFrame:
        """Flows, inputs and scores against what was usual."""
        now = {name: self.known.frame(name) for name in drift.INPUTS}
        before = {name: self.known.frame(f"{name}_before") for name in drift.INPUTS}
        parts = [
            drift.flow_drift(self.bands),
            drift.input_drift(now, before),
            drift.score_drift(self.told, self.said, self.company.as_of),
        ]
        return conform(pd.concat(parts, ignore_index=True), DRIFT)

    @cached_property
    def alerts(self) -> pd.DataFrame:
        """What left its band."""
        return raise_alerts(self.company.as_of, self.bands, self.drift, self.board, self.alerted)
