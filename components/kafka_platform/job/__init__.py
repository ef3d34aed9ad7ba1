"""A team's program that runs on a schedule and ends."""
