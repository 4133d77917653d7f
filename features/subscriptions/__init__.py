"""Features of subscriptions."""
