"""Light connectors: move records between Kafka and another system, in order and at least once."""
