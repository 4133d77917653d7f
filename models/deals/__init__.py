"""How open deals end: competing risks of won and lost."""
