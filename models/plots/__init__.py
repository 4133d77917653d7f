"""Style and kinds of figures."""
