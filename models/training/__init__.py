"""Champion and challenger: training, promotion, tuning and tracking."""
