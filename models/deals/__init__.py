"""Competing risks of won and lost for open deals."""
