"""Reports, listed in ``registry``: KPIs, revenue leaks, monitoring of scores and forecasts, and the forecast bridge."""
