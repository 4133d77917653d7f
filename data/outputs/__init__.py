"""Schemas of the published tables."""
