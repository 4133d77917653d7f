"""Scores of the champions, gathered into the published tables."""
