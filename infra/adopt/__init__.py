"""Writes the stack file of a Kafka that runs already."""
