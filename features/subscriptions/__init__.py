"""Features of subscriptions, which subscription replaced which, and revenue accrued by day."""
