"""Watches how much of their logs databases keep for sources."""
