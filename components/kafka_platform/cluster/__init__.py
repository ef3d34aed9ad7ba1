"""A Kafka cluster: embedded, by Strimzi, or run by somebody else."""
