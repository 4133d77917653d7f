"""``choose(company, account_scores=[…], …)``: what a night decides for a company of literal rows."""

from tests.actions.choosing import choose

__all__ = ["choose"]
