"""What runs, in what order. Prefect and the environment are used here only."""
