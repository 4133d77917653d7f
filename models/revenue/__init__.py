"""The revenue forecast: bottom-up and top-down, combined."""
