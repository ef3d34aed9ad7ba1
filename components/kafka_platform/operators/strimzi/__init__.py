"""Strimzi's operator."""
