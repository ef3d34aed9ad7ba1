"""What runs a team's program with a Kafka connection: its spec, its client files, its login and its pods. No Pulumi."""
