"""The provisioner: applies the declared topics, users, ACLs and quotas to a Kafka cluster, and ends."""
