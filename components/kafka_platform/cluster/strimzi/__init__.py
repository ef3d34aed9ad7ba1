"""A Kafka that Strimzi's operator runs."""
