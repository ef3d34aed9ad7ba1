"""Applies declared connectors to Kafka Connect."""
