"""What every client of a Kafka needs: the connection, topics and users, settings, Secrets."""
