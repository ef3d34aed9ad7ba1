"""Pods by load."""
