"""Mirrors of topics and consumer groups of another Kafka."""
