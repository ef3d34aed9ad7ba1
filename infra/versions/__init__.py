"""Which versions of what the platform stands on it works with, and until when their projects care for them."""
