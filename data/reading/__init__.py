"""The read step: source to contract tables."""
