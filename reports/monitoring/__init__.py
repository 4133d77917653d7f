"""Accuracy of past scores and forecasts, drift, control limits of daily volumes, and alerts."""
