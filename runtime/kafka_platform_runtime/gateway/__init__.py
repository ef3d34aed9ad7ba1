"""The HTTP gateway: write and read the topics of a Kafka cluster over HTTP, as the caller's Kafka user."""
