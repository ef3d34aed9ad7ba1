"""A Kafka cluster: embedded, run by Strimzi, or external."""
