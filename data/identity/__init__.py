"""The resolve step: one record per person and company."""
