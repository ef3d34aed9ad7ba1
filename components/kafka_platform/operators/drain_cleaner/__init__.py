"""Strimzi's Drain Cleaner."""
