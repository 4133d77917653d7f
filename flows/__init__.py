"""What runs, in what order. Prefect and the environment are known here only."""
