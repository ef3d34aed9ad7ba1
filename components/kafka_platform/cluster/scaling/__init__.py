"""Brokers by load."""
