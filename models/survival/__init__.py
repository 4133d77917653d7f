"""Time to event: discrete-time hazards, their baseline and calibration."""
