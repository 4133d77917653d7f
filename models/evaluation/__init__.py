"""How good a prediction is, out of time."""
