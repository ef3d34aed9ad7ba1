"""Restarts connectors and tasks of Kafka Connect that have failed."""
