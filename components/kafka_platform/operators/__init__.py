"""Operators from their official Helm charts."""
