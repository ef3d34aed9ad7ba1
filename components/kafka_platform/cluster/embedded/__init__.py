"""A Kafka without an operator: one StatefulSet of the official image."""
