"""Reports: KPIs, revenue leaks, monitoring of scores and forecasts, and what moved the forecast. ``registry`` lists them."""
