"""Revenue leaks."""
