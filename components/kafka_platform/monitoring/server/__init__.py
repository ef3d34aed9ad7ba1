"""Prometheus without an operator."""
