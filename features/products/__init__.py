"""Products that customers buy and own."""
