"""Prometheus and its operator."""
