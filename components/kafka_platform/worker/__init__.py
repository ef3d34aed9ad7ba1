"""A team's service that reads from Kafka, writes to it, or both."""
