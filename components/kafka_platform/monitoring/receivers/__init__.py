"""Whom alerts are sent to."""
