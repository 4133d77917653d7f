"""Key performance indicators."""
