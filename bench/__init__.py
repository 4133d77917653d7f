"""What is measured: speed, memory and accuracy. Every bench prints a table, then one line of JSON."""
