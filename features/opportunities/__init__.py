"""Features of open deals, and their values as of a date."""
