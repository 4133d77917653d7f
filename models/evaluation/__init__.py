"""Evaluation out of time: metrics, splits, intervals, figures, target leakage."""
