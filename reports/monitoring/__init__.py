"""How right past scores and forecasts were, drift, and alerts."""
