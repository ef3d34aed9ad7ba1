"""Consumer instances: Kafka consumers that live on between requests, each in one pod, found from every pod."""
