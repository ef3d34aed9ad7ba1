"""The HTTP gateway: write and read the topics of a Kafka cluster over HTTP, as the Kafka user that the caller is."""
