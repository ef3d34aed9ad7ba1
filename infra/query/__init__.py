"""Queries of a running platform's topics, by way of the Kubernetes API alone."""
