"""Operators by their official Helm charts."""
