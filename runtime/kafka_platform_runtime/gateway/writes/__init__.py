"""Writes: a request's records go to Kafka together, and each is answered once Kafka has acknowledged it."""
