"""Callers: their credentials, their logins to Kafka, and their clients and bounds."""
