"""Candidate generation and ranking of products."""
