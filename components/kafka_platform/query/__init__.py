"""SQL over topics, by Trino: users of Kafka query what they may read."""
