"""Features of contacts: consent, engagement, e-mail sends and time zone."""
