"""Kafka Connect, and the connectors that it runs."""
