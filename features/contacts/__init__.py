"""Features of contacts."""
