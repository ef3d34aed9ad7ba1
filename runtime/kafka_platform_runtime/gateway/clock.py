"""The clock by which everything in the gateway is timed."""

import time

now = time.monotonic
"""Seconds of the clock that never goes back."""
