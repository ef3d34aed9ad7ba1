"""The topics, users, ACLs and quotas of a Kafka."""
