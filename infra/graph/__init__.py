"""Where a stack's data comes from and goes to, as a picture, as JSON, and for the review."""
