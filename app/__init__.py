"""What people touch: the command line. It shows and asks; it computes nothing."""
