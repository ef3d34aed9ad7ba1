"""The dashboards of a Kafka cluster; those of other programs are in their packages."""
