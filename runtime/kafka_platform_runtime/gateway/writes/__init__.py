"""Writes: records of a request go to Kafka together, and each is answered when Kafka has acknowledged it."""
