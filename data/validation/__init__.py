"""The validate step: constraints, quarantine and health checks."""
