"""Features of open opportunities."""
