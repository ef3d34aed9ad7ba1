"""Who calls: credentials, logins to Kafka, and the clients and bounds of each caller."""
