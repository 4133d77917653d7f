"""Revenue as a series, and what brings it."""
