"""Revenue by month and by week: top-down forecasts of the series, and base rates for the bottom-up forecast.

A version holds the forecasters of all hierarchies, the company's base rates and the weight of both views; the forecast
is assembled with the other models' scores in ``models.revenue.assembly``.
"""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.company import Company
from features.revenue.series import weekday_profile
from models.forecasting.forecaster import Forecaster
from models.forecasting.global_methods import GLOBAL_FEATURES, GLOBAL_TREE_PARAMS, N_ROUNDS, tree_features
from models.forecasting.nested_evaluation import BacktestErrors, evaluate_backtest, seen_in_training
from models.forecasting.plots import plot_fan_chart, plot_relative_errors
from models.forecasting.prophet_method import import_prophet
from models.forecasting.saved_state import from_state, to_state
from models.model import Abstention, Challenger, Champion, Evaluation
from models.plots.figures import LazyFigures
from models.revenue.base_rates import BaseRates, BookingHistory
from models.revenue.combination import combine_forecasts
from models.revenue.forecast_evaluation import as_baseline, backtest_folds, evaluate_errors, without_training_periods
from models.revenue.forecast_parameters import ForecastParameters
from models.revenue.revenue_history import (
    MONTHLY,
    RevenueHistory,
    Snapshot,
    fit_forecasters,
    fitted_forecaster,
    revenue_history,
)
from models.revenue.run_rate_backtest import backtest_origins, backtest_run_rates
from models.revenue.top_down import MAIN_HIERARCHY, named_forecasts, top_down_forecasts

if TYPE_CHECKING:
    import lightgbm as lgb
    from matplotlib.figure import Figure

VERSION = 4
"""Goes up when a feature of the trees, or a part of the state, changes its meaning."""


class RevenueForecastModel:
    """The model of revenue; it keeps no state of its own (``models.revenue.revenue_history`` does, by snapshot)."""

    name = "revenue"
    question = "How much revenue will come in over the next 12 months and 26 weeks?"
    needs: tuple[tuple[str, ...], ...] = (("orders", "subscriptions"),)
    tables: tuple[str, ...] = ("top_down_forecasts", "forecast_parameters")
    rows = "series"
    features_hash = hashlib.sha256(f"{GLOBAL_FEATURES} {VERSION}".encode()).hexdigest()[:16]

    def train(self, company: Company) -> Challenger | Abstention:
        """A challenger, evaluated on what it would have shipped at past origins, against seasonal naive."""
        snapshot = Snapshot.of(company)
        history = revenue_history(snapshot)
        if isinstance(history, Abstention):
            return history
        forecasters, booster = fit_forecasters(snapshot, history)
        months, n_months = forecasters[MONTHLY], len(history.months)
        origins = [month.date() for month in history.months[backtest_origins(n_months)]]
        bookings = BookingHistory.from_company(company, origins)
        run_rates = backtest_run_rates(bookings, history.months, history.actuals)
        combination = combine_forecasts(run_rates, months.backtest_frame(), n_months)
        repeat_rate, new_business_rate = run_rates.rates_before(n_months)
        by_month = {"repeat_rate": repeat_rate.tolist(), "new_business_rate": new_business_rate.tolist()}
        errors = [
            evaluate_backtest(forecaster.backtest_)
            for key, forecaster in forecasters.items()
            if history.hierarchies[key].is_main
        ]
        estimator, example = _logged_estimator(booster, months, history)
        state: dict[str, Any] = {
            "forecasters": {key: to_state(forecaster.ensemble_) for key, forecaster in forecasters.items()},
            "rates": {**bookings.rates_at(company.as_of).state(), **by_month},
            "top_down_weight": combination.top_down_weight,
        }
        return Challenger(
            model=self.name,
            flavor="lightgbm" if booster is not None else "prophet",
            estimator=estimator,
            state=state,
            evaluation=evaluate_errors(errors, combination.metrics),
            features_hash=self.features_hash,
            example=example,
            params=_logged_params(state, months),
            figures=_figures(forecasters, history, company.currency),
            trained_as_of=company.as_of,
            rows=sum(int((~np.isnan(forecaster.panel_.values)).sum()) for forecaster in forecasters.values()),
            folds=backtest_folds(errors, n_months, company),
        )

    def evaluate(self, champion: Champion, company: Company) -> Evaluation | Abstention:
        """The champion on the origins and series of a challenger of this date.

        Periods that were over when it was trained are NaN; a version that ships the baseline was trained on none.
        """
        snapshot = Snapshot.of(company)
        history = revenue_history(snapshot)
        if isinstance(history, Abstention):
            return history
        tables: list[BacktestErrors] = []
        for key, hierarchy in history.hierarchies.items():
            state = champion.state["forecasters"].get(key)
            if not hierarchy.is_main or state is None:
                continue
            ensemble = from_state(state)
            forecaster = fitted_forecaster(snapshot, key, with_prophet="prophet" in ensemble.methods)
            errors = evaluate_backtest(forecaster.backtest_, ensemble)
            if champion.ships == "baseline":
                tables.append(as_baseline(errors))
                continue
            seen = seen_in_training(forecaster, errors.cutoffs, errors.errors.shape[2], champion.trained_as_of)
            tables.append(without_training_periods(errors, seen))
        return evaluate_errors(tables, {})

    def score(self, company: Company, champion: Champion) -> dict[str, pd.DataFrame] | Abstention:
        """``top_down_forecasts`` (``models.revenue.top_down``) and ``forecast_parameters`` (of that module)."""
        import lightgbm as lgb

        history = revenue_history(Snapshot.of(company))
        if isinstance(history, Abstention):
            return history
        booster = champion.estimator if isinstance(champion.estimator, lgb.Booster) else None
        hierarchies = list(history.hierarchies.values())
        forecasts = top_down_forecasts(
            hierarchies,
            company,
            champion.state["forecasters"],
            booster,
            baseline_only=champion.ships == "baseline",
        )
        parameters = ForecastParameters(
            BaseRates.from_state(champion.state["rates"]),
            champion.state["top_down_weight"][champion.ships],
            weekday_profile(hierarchies[0].daily_revenue),
            f"{champion.model} v{champion.version}",
        )
        return {"top_down_forecasts": forecasts, "forecast_parameters": parameters.to_frame()}

    def picture(self, company: Company, champion: Champion) -> "Figure | Abstention":
        """A fan chart of the total by month, as the champion's top-down forecast draws it for the company's date."""
        history = revenue_history(Snapshot.of(company))
        scored = self.score(company, champion)
        if isinstance(history, Abstention) or isinstance(scored, Abstention):
            return history if isinstance(history, Abstention) else Abstention(self.name, "no forecast was made")
        rows = scored["top_down_forecasts"]
        total = rows[(rows["hierarchy"] == MAIN_HIERARCHY) & (rows["grain"] == "month") & (rows["node"] == "total")]
        return plot_fan_chart(history.total, total, company.currency)


def _logged_estimator(
    booster: "lgb.Booster | None", months: Forecaster, history: RevenueHistory
) -> tuple[Any, pd.DataFrame]:
    """What MLflow logs, with example rows: the boosted trees, or a Prophet of the total where there are none."""
    if booster is not None:
        rows, _, _ = tree_features(months.panel_, months.panel_.n_periods)
        return booster, pd.DataFrame(rows[:5], columns=list(GLOBAL_FEATURES))
    prophet = import_prophet()(
        yearly_seasonality=4, weekly_seasonality=False, daily_seasonality=False, uncertainty_samples=0, n_changepoints=5
    )
    prophet.fit(pd.DataFrame({"ds": history.months, "y": history.actuals}), seed=0)
    return prophet, pd.DataFrame({"ds": pd.date_range(history.months[-1], periods=3, freq="MS")})


def _logged_params(state: dict[str, Any], months: Forecaster) -> dict[str, Any]:
    """Parameters of the trees, mean weights of the methods, the weight of the top-down forecast, and how months are
    reconciled."""
    methods = months.weights_.columns[1:]
    return {
        **{f"trees_{name}": value for name, value in GLOBAL_TREE_PARAMS.items()},
        "trees_rounds": N_ROUNDS,
        "top_down_weight": round(state["top_down_weight"]["model"], 3),
        **{f"weight_{name}": round(float(months.weights_[name].mean()), 3) for name in methods},
        "reconciliation": state["forecasters"][MONTHLY]["reconciliation"]["method"],
    }


def _figures(forecasters: dict[str, Forecaster], history: RevenueHistory, currency: str) -> LazyFigures:
    main = {key: forecaster.backtest_ for key, forecaster in forecasters.items() if history.hierarchies[key].is_main}
    forecasts = named_forecasts(history.hierarchies[MONTHLY], forecasters[MONTHLY])
    total = forecasts[forecasts["node"] == "total"]
    return LazyFigures(
        {
            "revenue": lambda: plot_fan_chart(history.total, total, currency),
            "errors": lambda: plot_relative_errors(main),
        }
    )
