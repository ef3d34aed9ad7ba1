"""Measures how long records take from writer to reader, over Kafka's protocol and HTTP, and whether any get lost."""
