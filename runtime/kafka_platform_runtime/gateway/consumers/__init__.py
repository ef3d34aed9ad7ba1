"""Consumer instances: Kafka consumers that live on between requests, each at one pod, found from every pod."""
