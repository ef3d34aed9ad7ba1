"""Light connectors: each a small program of this platform that moves records between Kafka and one other system."""
