"""The dashboards of a Kafka itself; those of programs are beside the programs."""
