"""Measures how long records take from a writer to a reader, by Kafka's protocol and by HTTP, and whether any get lost."""
