"""Expected revenue and lifetime value of an account."""
