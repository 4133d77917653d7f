"""The bridge between two revenue forecasts, and what-if scenarios."""
