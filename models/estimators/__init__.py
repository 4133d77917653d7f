"""Estimators of any table: none reads a ``Company``."""
