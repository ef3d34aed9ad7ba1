"""The clock by which everything in the gateway is timed."""

import time

now = time.monotonic
"""Seconds on a clock that never goes back."""
