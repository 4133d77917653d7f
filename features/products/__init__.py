"""What an account owns and bought."""
