"""What moved the forecast, and what-if scenarios."""
