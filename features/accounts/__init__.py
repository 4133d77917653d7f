"""Features of accounts by family, and whether an account is active."""
