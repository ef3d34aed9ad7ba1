"""A pulse."""
