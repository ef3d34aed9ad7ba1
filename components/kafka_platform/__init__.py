"""Typed Pulumi components of an elastic, multi-tenant Kafka data platform."""
