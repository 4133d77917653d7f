"""The inputs of one night's reports: the company, its features and scores, and earlier nights."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from data.lake import Step
from data.outputs.conform import conform
from data.outputs.report_tables import DRIFT
from features.company import Company
from features.labels.score_outcomes import OUTCOMES, published_scores
from reports.forecast.bridge import PreviousForecast, bridge
from reports.kpis.report import key_figures
from reports.monitoring import drift, score_outcomes
from reports.monitoring.alerts import raise_alerts
from reports.monitoring.control_limits import ControlLimits, control_limits
from reports.monitoring.daily_volumes import daily_volumes
from reports.monitoring.forecast_accuracy import forecasts_to_keep, measure_accuracy


@dataclass(frozen=True, eq=False)
class NightContext:
    """The inputs of one night's reports; each derived table is computed when it is first read.

    ``features`` and ``scores`` are finished steps. From the ledgers of the scoring database (``data.store``):
    ``past_scores`` whose windows have closed, ``past_alerts`` of the previous night and ``past_forecasts`` of revenue.
    ``previous_forecast`` is the start of the bridge.
    """

    company: Company
    features: Step
    scores: Step
    past_scores: pd.DataFrame
    past_alerts: pd.DataFrame
    past_forecasts: pd.DataFrame
    previous_forecast: PreviousForecast | None = None

    @cached_property
    def key_figures(self) -> pd.DataFrame:
        """KPIs by month."""
        return key_figures(self.company, self.scores.frame("account_scores"), self.past_forecasts)

    @cached_property
    def kept_scores(self) -> pd.DataFrame:
        """This night's scores for the ledger, one row each."""
        tables = {outcome.table for outcome in OUTCOMES}
        return published_scores({name: self.scores.frame(name) for name in tables}, self.company.as_of)

    @cached_property
    def matched(self) -> pd.DataFrame:
        """Past scores with their outcomes."""
        return score_outcomes.match_outcomes(self.company, self.past_scores)

    @cached_property
    def new_outcomes(self) -> pd.DataFrame:
        """Outcomes that were matched this night: ``run_id, score, key, outcome``."""
        return self.matched.loc[self.matched["new"], ["run_id", "score", "key", "outcome"]].reset_index(drop=True)

    @cached_property
    def scoreboard(self) -> pd.DataFrame:
        """Accuracy of past scores by month and version."""
        return score_outcomes.scoreboard(self.matched, self.company.seed)

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Calibration of past scores by decile."""
        return score_outcomes.reliability(self.matched, self.company.seed)

    @cached_property
    def bridge(self) -> pd.DataFrame:
        """Causes of change of the revenue forecast since an earlier night."""
        return bridge(self.company, self.previous_forecast, self.scores)

    @cached_property
    def forecast_accuracy(self) -> pd.DataFrame:
        """Accuracy of past revenue forecasts."""
        return measure_accuracy(self.company, self.past_forecasts)

    @cached_property
    def kept_forecasts(self) -> pd.DataFrame:
        """This night's revenue forecasts for the ledger, with those of simple methods."""
        return forecasts_to_keep(self.company, self.scores.frame("revenue_forecast"))

    @cached_property
    def control_limits(self) -> list[ControlLimits]:
        """Control limits of every daily volume."""
        return [control_limits(volume) for volume in daily_volumes(self.company)]

    @cached_property
    def drift(self) -> pd.DataFrame:
        """Drift of daily volumes, inputs and scores."""
        now = {name: self.features.frame(name) for name in drift.INPUTS}
        before = {name: self.features.frame(f"{name}_before") for name in drift.INPUTS}
        parts = [
            drift.volume_drift(self.control_limits),
            drift.input_drift(now, before),
            drift.score_drift(self.kept_scores, self.past_scores, self.company.as_of),
        ]
        return conform(pd.concat(parts, ignore_index=True), DRIFT)

    @cached_property
    def alerts(self) -> pd.DataFrame:
        """Alerts that are up."""
        return raise_alerts(self.company.as_of, self.control_limits, self.drift, self.scoreboard, self.past_alerts)
