"""The HTTP interface to a Kafka."""
