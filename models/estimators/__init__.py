"""Estimators that know no company."""
