"""Time-series forecasts of any hierarchy: an ensemble with conformal intervals."""
