"""Stream jobs: SQL over topics, run by Flink, with exactly one result for each record."""
